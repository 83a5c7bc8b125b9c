import { pick, useGraphiQL, useGraphiQLActions, type GraphiQLPlugin } from '@graphiql/react';
import type { Example } from './examples.ts';

function ExamplesIcon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5">
      <path
        d="M12 3a6.5 6.5 0 0 0-3.6 11.9c.7.5 1.1 1.2 1.1 2.1v.5h5V17c0-.9.4-1.6 1.1-2.1A6.5 6.5 0 0 0 12 3ZM9.8 20.5h4.4"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}

/** A panel that lists the examples and opens each in a tab, also after its tab was closed. */
export function examplesPlugin(examples: Example[]): GraphiQLPlugin {
  function Examples() {
    const { tabs, activeTabIndex, queryEditor, variableEditor } = useGraphiQL(
      pick('tabs', 'activeTabIndex', 'queryEditor', 'variableEditor'),
    );
    const { addTab, changeTab } = useGraphiQLActions();

    function open(example: Example) {
      // A tab that was edited is the reader's own; only an untouched one is the example.
      const opened = tabs.findIndex((tab) => tab.query === example.query);
      if (opened >= 0) {
        changeTab(opened);
        return;
      }
      addTab();
      queryEditor?.setValue(example.query);
      variableEditor?.setValue(example.variables);
    }

    return (
      <section aria-label="Examples" className="examples">
        <h2>Examples</h2>
        <p>Each is a question. Open one, run it, change it.</p>
        <ul>
          {examples.map((example) => (
            <li key={example.question}>
              <button
                type="button"
                aria-current={tabs[activeTabIndex]?.query === example.query}
                onClick={() => open(example)}
              >
                <strong>{example.question}</strong>
                <span>{example.hint}</span>
              </button>
            </li>
          ))}
        </ul>
        <p>
          A token goes into <em>Headers</em>, below the editor. Every type and field is described under{' '}
          <em>Documentation Explorer</em>, the first icon on the left.
        </p>
      </section>
    );
  }
  return { title: 'Examples', icon: ExamplesIcon, content: Examples };
}
