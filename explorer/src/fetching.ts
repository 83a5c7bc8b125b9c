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
  /** HTTP status; 0 if there was no answer. */
  status: number;
  statusText: string;
  milliseconds: number;
  /** Size of the uncompressed body. */
  bytes: number;
  /** Size of the body as transferred; null if the browser does not tell. */
  sentBytes: number | null;
  /** Number of GraphQL errors. */
  errors: number;
  /** Time at which the answer was complete; milliseconds since 1970. */
  at: number;
  /** The answer without `extensions.cost` and `extensions.trace`, which the page adds itself. */
  body: unknown;
  data: unknown;
  /** Warnings and suggestions of the gateway, as sentences. */
  remarks: string[];
  /** Estimated cost of the operation, and the maximum that is allowed. */
  cost: { estimated: number; bound: number } | null;
  trace: Trace | null;
  freshness: Freshness;
  requestId: string;
}

export type Freshness =
  | { kind: 'fresh'; forSeconds: number }
  /** Whether data is past its fresh age: it is being refreshed, or the upstream failed. */
  | { kind: 'stale'; asOf: string | null }
  | { kind: 'unknown' };

export const ENDPOINT = window.location.pathname;

/** The user's headers, without those that the page sets itself. */
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

/** Posts an operation to the page's own address. Failures are in the answer, never thrown. */
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
    // The body may be the error page of a proxy: show it, rather than a parse error.
    const status = `${response.status} ${response.statusText}`.trim();
    return { errors: [{ message: `${status}: the answer is not JSON` }], body: text.slice(0, 500) };
  }
}

interface Extensions {
  cost?: { estimated: number; bound: number };
  trace?: Trace;
  warnings?: { code: string; message: string; asOf?: string }[];
  /** Suggestions for look-ups without a result. */
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
  // Answers with errors are never cached, so their headers say nothing about freshness.
  if (errors > 0) return { kind: 'unknown' };
  // Answers with a trace are never cached; the trace itself says how fresh they are.
  const seconds = trace?.freshForSeconds ?? /max-age=(\d+)/.exec(cacheControl)?.[1];
  if (seconds !== undefined) return Number(seconds) > 0 ? { kind: 'fresh', forSeconds: Number(seconds) } : { kind: 'stale', asOf: null };
  return cacheControl.includes('no-store') ? { kind: 'stale', asOf: null } : { kind: 'unknown' };
}

function findSentBytes(started: number): number | null {
  const entries = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
  const own = entries.filter((entry) => entry.initiatorType === 'fetch' && entry.startTime >= started - 1);
  const size = own.at(-1)?.encodedBodySize;
  performance.clearResourceTimings(); // the browser stops recording when its buffer is full
  return size ? size : null;
}
