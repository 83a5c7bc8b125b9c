/** Actions that users trigger. */
import { buildClientSchema, getIntrospectionQuery, type IntrospectionQuery } from 'graphql';
import { fillSelections, operationsOf, prettify, tryParse } from './documents.ts';
import { dates, type Example } from './examples.ts';
import { facts } from './facts.ts';
import { send, type Answer } from './fetching.ts';
import { LONGEST_LINK, makeCurl, makeLink } from './link.ts';
import { activeTab, changeTab, getState, isNarrow, noteRun, openTab, say, setState, type Catalogue } from './store.ts';

/** Whether the gateway would refuse every request, because an API key is missing. */
function lacksKey(): boolean {
  const { apiKey, headers } = getState();
  return facts.apiKeys && !apiKey && !/^\s*x-api-key\s*:/im.test(headers);
}

/** Whether the catalogue cannot be queried yet, because a key or a token is missing. */
export function lacksAccess(): boolean {
  const { token, headers } = getState();
  return lacksKey() || (facts.passthrough && !token && !/^\s*authorization\s*:/im.test(headers));
}

const messageOf = (answer: Answer): string => {
  const { errors } = answer.body as { errors?: { message: string }[] };
  return errors?.[0]?.message ?? `${answer.status} ${answer.statusText}`;
};

/** Whether an answer says that a key or a token is missing or wrong. */
export const isRefusal = ({ status, body }: Answer): boolean =>
  status === 401 || status === 403 || /"(UPSTREAM_)?UNAUTHENTICATED"/.test(JSON.stringify(body));

export async function loadSchema(): Promise<void> {
  if (!facts.introspection) return setState({ schema: { status: 'off' } });
  if (lacksKey()) return setState({ schema: { status: 'needs-access' } });
  setState({ schema: { status: 'loading' } });
  const query = getIntrospectionQuery({
    schemaDescription: true,
    specifiedByUrl: true,
    inputValueDeprecation: true,
  });
  const answer = await send({ query, operationName: 'IntrospectionQuery' });
  if (!answer.data) {
    if (isRefusal(answer)) return setState({ schema: { status: 'needs-access' }, isRefused: true });
    return setState({ schema: { status: 'failed', message: messageOf(answer) } });
  }
  try {
    setState({ schema: { status: 'ready', schema: buildClientSchema(answer.data as IntrospectionQuery) } });
  } catch (error) {
    setState({ schema: { status: 'failed', message: error instanceof Error ? error.message : String(error) } });
  }
}

const STATE_OF_CATALOGUE = `query CatalogueState($today: Date!) {
  catalogue { totalModels asOf isStale }
  models(filter: { releaseDate: { to: $today } }, orderBy: { field: RELEASE_DATE, direction: DESC }, first: 1) {
    nodes { releaseDate }
  }
}`;

/** Queries size and age of the catalogue. */
export async function loadCatalogue(): Promise<void> {
  if (lacksAccess()) return;
  const answer = await send({ query: STATE_OF_CATALOGUE, variables: { today: dates(null).today } });
  const { catalogue, models } = (answer.data ?? {}) as {
    catalogue?: Omit<Catalogue, 'newest'> | null;
    models?: { nodes: { releaseDate: string }[] } | null;
  };
  if (catalogue) setState({ catalogue: { ...catalogue, newest: models?.nodes[0]?.releaseDate ?? null }, problem: '' });
  else if (isRefusal(answer)) setState({ isRefused: true });
  else setState({ problem: messageOf(answer) });
}

export function reload(): Promise<unknown> {
  setState({ isRefused: false });
  return Promise.all([loadSchema(), loadCatalogue()]);
}

/** Runs the query of the shown tab; missing selections are filled in first. */
export async function run(operationName: string | null = activeTab(getState()).operationName): Promise<void> {
  const tab = activeTab(getState());
  if (getState().running[tab.id] || !tab.query.trim()) return;
  const { schema } = getState();
  const query = schema.status === 'ready' ? fillSelections(tab.query, schema.schema) : tab.query;
  if (query !== tab.query) changeTab({ query }, tab.id);
  let variables: Record<string, unknown> | undefined;
  try {
    variables = tab.variables.trim() ? (JSON.parse(tab.variables) as Record<string, unknown>) : undefined;
  } catch (error) {
    say(`The variables are not JSON: ${error instanceof Error ? error.message : String(error)}`);
    return;
  }
  const names = operationsOf(tryParse(query)).map(({ name }) => name?.value);
  const name = names.length > 1 ? (names.includes(operationName ?? '') ? operationName : names[0]) : undefined;
  if (isNarrow()) setState({ panel: null });
  const controller = new AbortController();
  setState(({ running }) => ({ running: { ...running, [tab.id]: controller } }));
  const { wantsCost: cost, wantsTrace } = getState();
  const answer = await send(
    { query, ...(variables && { variables }), ...(name && { operationName: name }) },
    { cost, trace: wantsTrace && facts.trace, signal: controller.signal },
  );
  setState(({ answers, running }) => {
    const { [tab.id]: _, ...others } = running;
    return { answers: { ...answers, [tab.id]: answer }, running: others };
  });
  // In narrow windows, the answer is below the editors: scroll to it.
  if (isNarrow()) window.setTimeout(() => document.querySelector('.answer')?.scrollIntoView());
  noteRun({ query, variables: tab.variables, at: new Date().toISOString() });
  // The schema may be readable now, even if loading it failed before.
  if (answer.data && getState().schema.status === 'failed') void reload();
}

/** Shows the field for the key or the token. */
export function showAccess(): void {
  setState({ panel: 'start' });
  window.setTimeout(() => document.querySelector<HTMLInputElement>('.card input')?.focus());
}

export function stop(): void {
  getState().running[activeTab(getState()).id]?.abort();
}

export function openExample(example: Example): void {
  const now = dates(getState().catalogue?.newest ?? null);
  openTab({ query: example.query, variables: example.variables ? example.variables(now) : '' });
  if (lacksAccess()) say('This gateway asks for a key first: see Access.');
  else void run();
}

export async function tidy(): Promise<void> {
  const tab = activeTab(getState());
  try {
    const query = await prettify(tab.query);
    const variables = tab.variables.trim() ? JSON.stringify(JSON.parse(tab.variables), null, 2) : tab.variables;
    changeTab({ query, variables }, tab.id);
  } catch {
    say('The query or its variables cannot be read: see what is underlined.');
  }
}

export async function copyLink(): Promise<void> {
  const link = makeLink(activeTab(getState()));
  if (link.length > LONGEST_LINK) {
    say('This query is too long for a link; copy it as curl instead.');
    return;
  }
  await copy(link, 'The link is copied: query and variables, without keys and headers.');
}

export async function copyCurl(): Promise<void> {
  try {
    const command = makeCurl(activeTab(getState()), getState());
    await copy(command, 'The command is copied; it names keys as variables of the shell.');
  } catch {
    say('The variables are not JSON.');
  }
}

export async function copy(text: string, notice: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // On plain HTTP, browsers offer no clipboard except by this deprecated command.
    const field = document.createElement('textarea');
    field.value = text;
    document.body.append(field);
    field.select();
    const copied = document.execCommand('copy');
    field.remove();
    if (!copied) notice = 'This browser does not let the page copy.';
  }
  say(notice);
}

export function download(name: string, type: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Shows a type or a field in the documentation; null shows the first page. */
export function showDocs(place: string | null): void {
  setState(({ docs }) => ({ panel: 'docs', docs: place === null ? [] : docs.at(-1) === place ? docs : [...docs, place] }));
}
