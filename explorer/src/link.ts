import { facts } from './facts.ts';
import { ENDPOINT, readHeaders } from './fetching.ts';
import type { State, Tab } from './store.ts';

/** Longer addresses are cut or refused by some programs and proxies. */
export const LONGEST_LINK = 8_000;

/** The query in an address; null if there is none. */
export function readLink(search: string): Omit<Tab, 'id'> | null {
  const parameters = new URLSearchParams(search);
  const query = parameters.get('query');
  if (!query?.trim()) return null;
  return {
    query,
    variables: indent(parameters.get('variables') ?? ''),
    operationName: parameters.get('operationName') || null,
  };
}

/** An address of this page with the query. It contains no headers, so no key and no token. */
export function makeLink({ query, variables, operationName }: Tab): string {
  const parameters = new URLSearchParams({ query });
  if (variables.trim()) parameters.set('variables', compact(variables));
  if (operationName) parameters.set('operationName', operationName);
  return `${window.location.origin}${ENDPOINT}?${parameters}`;
}

const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** A shell command for the query. Secrets appear only as names of shell variables. */
export function makeCurl({ query, variables, operationName }: Tab, state: State): string {
  const body: Record<string, unknown> = { query };
  if (variables.trim()) body['variables'] = JSON.parse(variables);
  if (operationName) body['operationName'] = operationName;
  const lines = [`curl ${quote(window.location.origin + ENDPOINT)}`, `-H 'Content-Type: application/json'`];
  if (facts.apiKeys || state.apiKey) lines.push('-H "X-API-Key: $CATALOGRAPH_API_KEY"');
  if (facts.passthrough || state.token) lines.push('-H "Authorization: Bearer $CATALOGRAPH_UPSTREAM_TOKEN"');
  for (const name of Object.keys(readHeaders(state.headers))) lines.push(`-H ${quote(`${name}: …`)}`);
  lines.push(`--data-raw ${quote(JSON.stringify(body))}`);
  return lines.join(' \\\n  ');
}

function indent(json: string): string {
  try {
    return json.trim() ? JSON.stringify(JSON.parse(json), null, 2) : '';
  } catch {
    return json;
  }
}

function compact(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json));
  } catch {
    return json;
  }
}
