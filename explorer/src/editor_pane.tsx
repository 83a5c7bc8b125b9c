import { useEffect, useState, type KeyboardEvent } from 'react';
import { AccessForm } from './access.tsx';
import { Editor } from './editor.tsx';
import { titleOf } from './documents.ts';
import { Icon } from './icons.tsx';
import { activeTab, changeTab, closeTab, openTab, setState, useStore } from './store.ts';

/** Tabs, the query, and below it its variables and headers. */
export function EditorPane() {
  const tab = useStore(activeTab);
  const [chosen, setChosen] = useState<'variables' | 'headers' | null>();
  // By default, the pane of variables is open if the query has any.
  const tools = chosen === undefined && (tab.variables.trim() || tab.query.includes('$')) ? 'variables' : chosen;
  return (
    <section className="editors" aria-label="Editors">
      <Tabs />
      <div className="graphiql-query-editor" role="tabpanel" id="query" aria-label="Query">
        <Editor
          language="query"
          owner={tab.id}
          label="Query"
          value={tab.query}
          onChange={(query) => changeTab({ query }, tab.id)}
        />
      </div>
      <div className="editor-tools">
        <div className="bar" role="group" aria-label="Sent with the query">
          {(['variables', 'headers'] as const).map((name) => (
            <button
              key={name}
              type="button"
              aria-expanded={tools === name}
              onClick={() => setChosen(tools === name ? null : name)}
            >
              {name === 'variables' ? 'Variables' : 'Access and headers'}
            </button>
          ))}
        </div>
        {tools === 'variables' && (
          <div className="graphiql-editor-tool">
            <Editor
              language="variables"
              owner={tab.id}
              label="Variables, as JSON"
              value={tab.variables}
              onChange={(variables) => changeTab({ variables }, tab.id)}
            />
          </div>
        )}
        {tools === 'headers' && (
          <div className="graphiql-editor-tool padded">
            <AccessForm withHeaders />
          </div>
        )}
      </div>
    </section>
  );
}

function Tabs() {
  const tabs = useStore((state) => state.tabs);
  const active = useStore(activeTab);

  useEffect(() => {
    document.getElementById(`tab-${active.id}`)?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [active.id]);

  function press(event: KeyboardEvent, at: number) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) {
      const next = tabs[(at + step + tabs.length) % tabs.length]!;
      setState({ active: next.id });
      document.getElementById(`tab-${next.id}`)?.focus();
    } else if (event.key === 'Delete') closeTab(tabs[at]!.id);
  }

  return (
    <div className="tabs">
      <div role="tablist" aria-label="Queries">
        {tabs.map((tab, at) => (
          <button
            key={tab.id}
            id={`tab-${tab.id}`}
            type="button"
            role="tab"
            aria-selected={tab.id === active.id}
            aria-controls="query"
            tabIndex={tab.id === active.id ? 0 : -1}
            onClick={() => setState({ active: tab.id })}
            onKeyDown={(event) => press(event, at)}
          >
            {titleOf(tab.query, tab.operationName)}
          </button>
        ))}
      </div>
      <button type="button" className="square" title="Close this query (Delete, on its tab)" aria-label={`Close ${titleOf(active.query, active.operationName)}`} onClick={() => closeTab(active.id)}>
        <Icon name="close" />
      </button>
      <button type="button" className="square" title="New query" aria-label="New query" onClick={() => openTab({ query: '', variables: '' })}>
        <Icon name="add" />
      </button>
    </div>
  );
}
