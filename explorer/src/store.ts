import type { GraphQLSchema } from 'graphql';
import { useSyncExternalStore } from 'react';
import type { Answer } from './fetching.ts';
import { facts } from './facts.ts';

export interface Tab {
  id: string;
  query: string;
  /** JSON as typed; may be empty or unfinished. */
  variables: string;
  /** Name of the operation to run, if the document has several. */
  operationName: string | null;
}

export interface Run {
  query: string;
  variables: string;
  /** ISO 8601. */
  at: string;
}

export type SchemaState =
  | { status: 'loading' }
  | { status: 'ready'; schema: GraphQLSchema }
  | { status: 'off' | 'needs-access' }
  | { status: 'failed'; message: string };

export interface Catalogue {
  totalModels: number;
  /** ISO 8601: when the upstream was asked. */
  asOf: string;
  isStale: boolean;
  /** Newest release day until today; null if there is none. */
  newest: string | null;
}

export type PanelName = 'start' | 'docs' | 'build' | 'history';
export type Theme = 'system' | 'light' | 'dark';

export interface State {
  tabs: Tab[];
  /** The id of the tab that is shown. */
  active: string;
  panel: PanelName | null;
  theme: Theme;
  apiKey: string;
  token: string;
  /** Additional headers, one `Name: value` in each line. */
  headers: string;
  wantsCost: boolean;
  wantsTrace: boolean;
  schema: SchemaState;
  /** History of documentation pages (`Type` or `Type.field`); the last one is shown. */
  docs: string[];
  /** Whether the documentation search gets the focus as soon as it is displayed. */
  seeks: boolean;
  answers: Record<string, Answer>;
  /** Ids of tabs with an operation in progress. */
  running: Record<string, AbortController>;
  catalogue: Catalogue | null;
  /** Why `catalogue` could not be loaded; empty if it was, or was not requested. */
  problem: string;
  /** Whether the gateway, or the catalogue behind it, refused the key or the token. */
  isRefused: boolean;
  history: Run[];
  /** Id of the tab whose query came from a link, and must not run automatically. */
  waiting: string | null;
  /** A short message to the user, which screen readers announce. */
  notice: string;
}

// Gateways under different path prefixes of one host must not share their storage.
const NAME = `catalograph:${window.location.pathname}`;
const STORED = ['tabs', 'active', 'panel', 'theme', 'wantsCost', 'wantsTrace', 'history'] as const;
const MOST_RUNS = 50;

function readStored(storage: () => Storage): Partial<State> {
  try {
    return JSON.parse(storage().getItem(NAME) ?? '{}') as Partial<State>;
  } catch {
    return {}; // storage is forbidden, or the value is not ours
  }
}

function writeStored(storage: () => Storage, value: unknown): void {
  try {
    storage().setItem(NAME, JSON.stringify(value));
  } catch {
    // Storage is forbidden or full. The page works without it.
  }
}

let state: State = {
  tabs: [],
  active: '',
  panel: 'start',
  theme: 'system',
  apiKey: '',
  token: '',
  headers: '',
  wantsCost: true,
  wantsTrace: facts.catalogue === 'demo',
  schema: { status: 'loading' },
  docs: [],
  seeks: false,
  answers: {},
  running: {},
  catalogue: null,
  problem: '',
  isRefused: false,
  history: [],
  waiting: null,
  notice: '',
  ...readStored(() => localStorage),
  // Secrets are deleted when the browser tab is closed.
  ...readStored(() => sessionStorage),
};

const listeners = new Set<() => void>();
let writing: number | undefined;

function write(): void {
  window.clearTimeout(writing);
  writing = undefined;
  writeStored(() => localStorage, Object.fromEntries(STORED.map((name) => [name, state[name]])));
  const { apiKey, token, headers } = state;
  writeStored(() => sessionStorage, { apiKey, token, headers });
}

window.addEventListener('pagehide', () => {
  if (writing !== undefined) write();
});

export const getState = (): State => state;

export function setState(change: Partial<State> | ((before: State) => Partial<State>)): void {
  state = { ...state, ...(typeof change === 'function' ? change(state) : change) };
  writing ??= window.setTimeout(write, 300);
  for (const listen of listeners) listen();
}

/** The part of the state that `select` returns: the same object as long as nothing changed. */
export function useStore<T>(select: (state: State) => T): T {
  return useSyncExternalStore(
    (listen) => {
      listeners.add(listen);
      return () => listeners.delete(listen);
    },
    () => select(state),
  );
}

export const activeTab = ({ tabs, active }: State): Tab => tabs.find((tab) => tab.id === active) ?? tabs[0]!;

export function changeTab(change: Partial<Tab>, id = activeTab(state).id): void {
  setState(({ tabs }) => ({ tabs: tabs.map((tab) => (tab.id === id ? { ...tab, ...change } : tab)) }));
}

/** Shows a query in the tab with exactly this query, otherwise in a new tab. */
export function openTab(content: Omit<Tab, 'id' | 'operationName'> & Partial<Tab>): void {
  const same = state.tabs.find(({ query, variables }) => query === content.query && variables === content.variables);
  if (same) {
    setState({ active: same.id });
    if (content.operationName) changeTab({ operationName: content.operationName }, same.id);
    return;
  }
  const tab = { operationName: null, ...content, id: crypto.randomUUID?.() ?? String(Math.random()) };
  setState(({ tabs }) => ({ tabs: [...tabs, tab], active: tab.id }));
}

export function closeTab(id: string): void {
  const at = state.tabs.findIndex((tab) => tab.id === id);
  const tabs = state.tabs.filter((tab) => tab.id !== id);
  const { [id]: _, ...answers } = state.answers;
  setState({ answers });
  if (tabs.length === 0) {
    setState({ tabs: [] });
    openTab({ query: '', variables: '' });
  } else {
    const active = state.active === id ? tabs[Math.min(at, tabs.length - 1)]!.id : state.active;
    setState({ tabs, active });
  }
}

export function noteRun(run: Run): void {
  setState(({ history }) => ({
    history: [
      run,
      ...history.filter(({ query, variables }) => query !== run.query || variables !== run.variables),
    ].slice(0, MOST_RUNS),
  }));
}

let hiding: number | undefined;

export function say(notice: string): void {
  window.clearTimeout(hiding);
  setState({ notice });
  hiding = window.setTimeout(() => setState({ notice: '' }), 4_000);
}

/** Narrow windows show either a panel or the editors. */
export const isNarrow = (): boolean => window.matchMedia('(max-width: 899px)').matches;
