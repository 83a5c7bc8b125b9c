import type { GraphQLSchema } from 'graphql';
import { useSyncExternalStore } from 'react';
import type { Answer } from './fetching.ts';
import { facts } from './facts.ts';

export interface Tab {
  id: string;
  query: string;
  /** JSON as typed; may be empty or unfinished. */
  variables: string;
  /** Which operation runs, where the document has several. */
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
  /** Newest release day on or before today; null when there is none. */
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
  /** Further headers, one `Name: value` a line. */
  headers: string;
  wantsCost: boolean;
  wantsTrace: boolean;
  schema: SchemaState;
  /** Pages of the documentation, the one that is shown last: `Type` or `Type.field`. */
  docs: string[];
  /** Whether the search of the documentation gets the focus as soon as it is there. */
  seeks: boolean;
  answers: Record<string, Answer>;
  /** Ids of tabs whose operation is under way. */
  running: Record<string, AbortController>;
  catalogue: Catalogue | null;
  /** Why `catalogue` is not known; empty when it is, or was not asked for. */
  problem: string;
  /** Whether the gateway, or the catalogue behind it, refused the key or the token. */
  isRefused: boolean;
  history: Run[];
  /** The tab whose query came by a link that must not run by itself. */
  waiting: string | null;
  /** Said to the reader for a moment, also by screen readers. */
  notice: string;
}

// Gateways below different prefixes of one host keep their things apart.
const NAME = `catalograph:${window.location.pathname}`;
const STORED = ['tabs', 'active', 'panel', 'theme', 'wantsCost', 'wantsTrace', 'history'] as const;
const MOST_RUNS = 50;

function readStored(storage: () => Storage): Partial<State> {
  try {
    return JSON.parse(storage().getItem(NAME) ?? '{}') as Partial<State>;
  } catch {
    return {}; // forbidden, or not ours
  }
}

function writeStored(storage: () => Storage, value: unknown): void {
  try {
    storage().setItem(NAME, JSON.stringify(value));
  } catch {
    // Forbidden or full: the page works without.
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
  // Secrets end with the browser's tab.
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

/** The part of the state that `select` picks; must be the same object when nothing changed. */
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

/** Shows a query: in the tab that has exactly it, otherwise in a new one. */
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
