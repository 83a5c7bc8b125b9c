import { titleOf } from './documents.ts';
import { isNarrow, openTab, setState, useStore } from './store.ts';

/** The most recent queries that were run in this browser. */
export function HistoryPanel() {
  const history = useStore((state) => state.history);
  return (
    <section className="examples" aria-label="History">
      <h2>History</h2>
      {history.length === 0 ? (
        <p>Queries that you run are listed here. They stay in this browser.</p>
      ) : (
        <>
          <ul>
            {history.map((run) => (
              <li key={run.at}>
                <button
                  type="button"
                  onClick={() => {
                    openTab({ query: run.query, variables: run.variables });
                    if (isNarrow()) setState({ panel: null });
                  }}
                >
                  <strong>{titleOf(run.query)}</strong>
                  <span>{new Date(run.at).toLocaleString()}</span>
                  {run.variables.trim() && <code>{run.variables.replaceAll(/\s+/g, ' ').slice(0, 120)}</code>}
                </button>
              </li>
            ))}
          </ul>
          <button type="button" onClick={() => setState({ history: [] })}>
            Clear the history
          </button>
        </>
      )}
    </section>
  );
}
