import { getState } from './store.ts';

export interface Operation {
  query: string;
  variables?: Record<string, unknown>;
  operationName?: string | null;
}

export interface UpstreamCall {
  method: string;
  path: string;
  status: number | null;
  outcome: string;
  milliseconds: number;
}

export interface Part {
  what: string;
  from: string;
  ageSeconds: number;
}

export interface Trace {
  requests: UpstreamCall[];
  answers: Part[];
  requestsLeftOut?: number;
  freshForSeconds: number;
}

export interface Answer {
  /** HTTP status; 0: no answer came. */
  status: number;
  statusText: string;
  milliseconds: number;
  /** Of the body, uncompressed. */
  bytes: number;
  /** Of the body as sent; null when the browser does not tell. */
  sentBytes: number | null;
  /** Number of its errors. */
  errors: number;
  /** When the answer had come; milliseconds since 1970. */
  at: number;
  /** Without the cost and the trace that this page asked for itself. */
  body: unknown;
  data: unknown;
  /** What the gateway remarks on the answer, in sentences. */
  remarks: string[];
  /** The query planner's estimate, and the most that it may be. */
  cost: { estimated: number; bound: number } | null;
  trace: Trace | null;
  freshness: Freshness;
  requestId: string;
}

export type Freshness =
  | { kind: 'fresh'; forSeconds: number }
  /** Past its fresh age; being refreshed, or the upstream failed. */
  | { kind: 'stale'; asOf: string | null }
  | { kind: 'unknown' };

export const ENDPOINT = window.location.pathname;

/** The headers that the reader set, without those the page itself needs. */
export function readHeaders(text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const [, name, value] = /^\s*([!#$%&'*+.^_`|~\w-]+)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
    if (name && value) headers[name] = value;
  }
  return headers;
}

function requestHeaders(wanted: { cost?: boolean; trace?: boolean }): Record<string, string> {
  const { apiKey, token, headers } = getState();
  return {
    accept: 'application/graphql-response+json, application/json;q=0.9',
    'content-type': 'application/json',
    ...(apiKey && { 'X-API-Key': apiKey }),
    ...(token && { Authorization: `Bearer ${token}` }),
    ...(wanted.cost && { 'X-Catalograph-Cost': '1' }),
    ...(wanted.trace && { 'X-Catalograph-Trace': '1' }),
    ...readHeaders(headers),
  };
}

/** Posts an operation to the page's own address. What fails is in the answer, never thrown. */
export async function send(
  operation: Operation,
  wanted: { cost?: boolean; trace?: boolean; signal?: AbortSignal } = {},
): Promise<Answer> {
  const started = performance.now();
  try {
    const response = await fetch(ENDPOINT, {
      method: 'POST',
      headers: requestHeaders(wanted),
      body: JSON.stringify(operation),
      signal: wanted.signal ?? null,
    });
    const bytes = await response.arrayBuffer();
    const milliseconds = performance.now() - started;
    const body = parse(new TextDecoder().decode(bytes), response);
    return {
      ...readBody(body, response.headers),
      status: response.status,
      statusText: response.statusText,
      milliseconds,
      bytes: bytes.byteLength,
      sentBytes: findSentBytes(started),
      at: Date.now(),
      requestId: response.headers.get('x-request-id') ?? '',
    };
  } catch (error) {
    const message = wanted.signal?.aborted
      ? 'stopped'
      : `no answer came; the gateway has stopped or cannot be reached (${error instanceof Error ? error.message : String(error)})`;
    return {
      status: 0,
      statusText: wanted.signal?.aborted ? 'stopped' : 'no answer',
      milliseconds: performance.now() - started,
      bytes: 0,
      sentBytes: null,
      at: Date.now(),
      body: { errors: [{ message }] },
      errors: 1,
      data: null,
      remarks: [],
      cost: null,
      trace: null,
      freshness: { kind: 'unknown' },
      requestId: '',
    };
  }
}

function parse(text: string, response: Response): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A proxy's page, say: show what came instead of a parser's complaint.
    const status = `${response.status} ${response.statusText}`.trim();
    return { errors: [{ message: `${status}: the answer is not JSON` }], body: text.slice(0, 500) };
  }
}

interface Extensions {
  cost?: { estimated: number; bound: number };
  trace?: Trace;
  warnings?: { code: string; message: string; asOf?: string }[];
  /** Of look-ups that found nothing. */
  suggestions?: { path: (string | number)[]; value: string; suggestions: string[] }[];
}

function readBody(body: unknown, headers: Headers) {
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  const answer = (isObject ? body : {}) as { data?: unknown; errors?: unknown; extensions?: Extensions };
  const errors = Array.isArray(answer.errors) ? answer.errors.length : 0;
  const { cost, trace, ...others } = answer.extensions ?? {};
  const shown = { ...answer } as Record<string, unknown>;
  if (Object.keys(others).length > 0) shown['extensions'] = others;
  else delete shown['extensions'];
  return {
    body: isObject ? shown : body,
    errors,
    data: answer.data ?? null,
    remarks: [
      ...(others.warnings ?? []).map(({ message }) => message),
      ...(others.suggestions ?? []).map(
        ({ value, suggestions }) => `Nothing is called “${value}”; did you mean ${suggestions.join(' or ')}?`,
      ),
    ],
    cost: cost ?? null,
    trace: trace ?? null,
    freshness: answer.data ? findFreshness(headers.get('cache-control') ?? '', errors, answer.extensions) : ({ kind: 'unknown' } as const),
  };
}

function findFreshness(cacheControl: string, errors: number, { warnings, trace }: Extensions = {}): Freshness {
  const stale = warnings?.find(({ code }) => code === 'STALE_DATA');
  if (stale) return { kind: 'stale', asOf: stale.asOf ?? null };
  // No cache may hold an answer with errors, whatever its age.
  if (errors > 0) return { kind: 'unknown' };
  // No cache may hold an answer with a trace, however fresh.
  const seconds = trace?.freshForSeconds ?? /max-age=(\d+)/.exec(cacheControl)?.[1];
  if (seconds !== undefined) return Number(seconds) > 0 ? { kind: 'fresh', forSeconds: Number(seconds) } : { kind: 'stale', asOf: null };
  return cacheControl.includes('no-store') ? { kind: 'stale', asOf: null } : { kind: 'unknown' };
}

function findSentBytes(started: number): number | null {
  const entries = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
  const own = entries.filter((entry) => entry.initiatorType === 'fetch' && entry.startTime >= started - 1);
  const size = own.at(-1)?.encodedBodySize;
  performance.clearResourceTimings(); // the browser stops noting when its list is full
  return size ? size : null;
}
