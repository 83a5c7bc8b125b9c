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
const opening = all[0]!;
const panel = examplesPlugin(all);
const plugins = [HISTORY_PLUGIN, explorerPlugin({ showAttribution: false }), panel];

// GraphiQL opens its stored tabs, or these where it has stored none. Of the first of these it
// takes the query by itself but not the variables, so they are put where it looks for what the
// editors held last.
function prepareFirstVisit(): boolean {
  try {
    if (localStorage.getItem('graphiql:tabState') !== null) return false;
    localStorage.setItem('graphiql:query', opening.query);
    localStorage.setItem('graphiql:variables', opening.variables);
    localStorage.setItem('graphiql:docExplorerFlex', '0.26'); // the side panel, to the rest
  } catch {
    // Storage may be forbidden: then every visit is the first.
  }
  return true;
}

const firstVisit = prepareFirstVisit()
  ? { initialVariables: opening.variables, visiblePlugin: panel }
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
