import './workers.ts';
import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import '@graphiql/plugin-history/style.css';
import '@graphiql/plugin-explorer/style.css';
import 'graphiql/graphiql.css';
import './look.css';

import { explorerPlugin } from '@graphiql/plugin-explorer';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';
import { examples } from './examples.ts';
import { examplesPlugin } from './examples_panel.tsx';
import { fetcher } from './fetcher.ts';

// GraphiQL asks for the editor after its first render; asked here, both load at once.
void import('monaco-graphql/esm/monaco-editor.js');

const HEADERS = `{
  // "X-API-Key": "your key, where the gateway asks for one",
  // "Authorization": "Bearer the upstream's token, where the gateway passes it on"
}
`;

const all = examples(new Date());
const [opening] = all;
const panel = examplesPlugin(all);
const plugins = [HISTORY_PLUGIN, explorerPlugin({ showAttribution: false }), panel];

/** Whether GraphiQL has nothing stored; it stores the tabs under this key. */
function isFirstVisit(): boolean {
  try {
    return window.localStorage.getItem('graphiql:tabState') === null;
  } catch {
    return true; // storage may be forbidden
  }
}

// On later visits these would add a tab beside the stored ones. On the first, GraphiQL
// takes the query of the first tab by itself, but not its variables.
const firstVisit = isFirstVisit()
  ? { initialVariables: opening?.variables, visiblePlugin: panel }
  : {};

createRoot(document.getElementById('explorer')!).render(
  <GraphiQL
    fetcher={fetcher}
    plugins={plugins}
    defaultTabs={all.map(({ query, variables }) => ({ query, variables, headers: HEADERS }))}
    defaultQuery=""
    defaultHeaders={HEADERS}
    defaultEditorToolsVisibility="variables"
    schemaDescription
    inputValueDeprecation
    {...firstVisit}
  >
    <GraphiQL.Logo>
      <span className="logo">catalograph</span>
    </GraphiQL.Logo>
  </GraphiQL>,
);
