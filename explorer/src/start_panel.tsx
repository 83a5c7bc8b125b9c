import { lacksAccess, openExample, showDocs } from './actions.ts';
import { AccessForm } from './access.tsx';
import { EXAMPLES } from './examples.ts';
import { facts } from './facts.ts';
import { ENDPOINT } from './fetching.ts';
import { MOD } from './keys.ts';
import { activeTab, useStore } from './store.ts';
import { tellAge, useNow } from './time.ts';

/** The start page for new users: what this is, and examples of queries. */
export function StartPanel() {
  const isLocked = useStore(() => lacksAccess());
  const schema = useStore((state) => state.schema);
  return (
    <>
      <h2>A catalogue of AI models, as one graph</h2>
      <p>
        Which models there are, who made them, who serves them, what they cost and what they take. Ask for exactly the
        fields you need, in one request.
      </p>
      <Freshness />
      {(facts.apiKeys || facts.passthrough) && (
        <section className="card" aria-label="Access">
          <h3>{isLocked ? (facts.apiKeys ? 'This gateway asks for a key' : 'Bring your token') : 'Access'}</h3>
          <AccessForm />
        </section>
      )}
      <ul className="links">
        <li>
          <button type="button" className="text" onClick={() => showDocs(null)}>
            Documentation of every field
          </button>
        </li>
        {facts.introspection && !facts.apiKeys && (
          <li>
            <a href="schema.graphql" target="_blank" rel="noreferrer">
              schema.graphql
            </a>
          </li>
        )}
      </ul>
      {schema.status === 'off' && (
        <p className="hint">
          Introspection is off on this gateway: queries run, but are neither completed nor checked while you type.
        </p>
      )}
      <Examples />
      <Guide />
    </>
  );
}

function Freshness() {
  const problem = useStore((state) => state.problem);
  const catalogue = useStore((state) => state.catalogue);
  const now = useNow();
  return (
    <dl className="facts">
      <div>
        <dt>Data</dt>
        <dd>{facts.catalogue === 'demo' ? 'Demo: the catalogue that comes with catalograph' : 'Live'}</dd>
      </div>
      {catalogue && (
        <>
          <div>
            <dt>Models</dt>
            <dd>{catalogue.totalModels.toLocaleString('en')}</dd>
          </div>
          <div>
            <dt>Freshness</dt>
            <dd>
              {tellAge(catalogue.asOf, now)}
              {catalogue.isStale && ': the catalogue does not answer at the moment'}
            </dd>
          </div>
        </>
      )}
      {problem && (
        <div>
          <dt>Freshness</dt>
          <dd className="problem">unknown: {problem}</dd>
        </div>
      )}
      {facts.version && (
        <div>
          <dt>Version</dt>
          <dd>{facts.version}</dd>
        </div>
      )}
    </dl>
  );
}

function Examples() {
  const shown = useStore((state) => activeTab(state).query);
  const groups = [...new Set(EXAMPLES.map(({ group }) => group))];
  return (
    <section className="examples" aria-label="Examples">
      <h2>Examples</h2>
      <p>Each is a question. A click opens and runs it; then change it.</p>
      {groups.map((group) => (
        <section key={group} aria-label={group}>
          <h3>{group}</h3>
          <ul>
            {EXAMPLES.filter((example) => example.group === group).map((example) => (
              <li key={example.question}>
                <button type="button" aria-current={shown === example.query} onClick={() => openExample(example)}>
                  <strong>{example.question}</strong>
                  <span>{example.hint}</span>
                </button>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </section>
  );
}

const KEYS: [string, string][] = [
  [`${MOD}+Enter`, 'run the operation at the cursor'],
  [`${MOD}+Space`, 'what is possible here'],
  [`${MOD}+K`, 'search the documentation'],
  ['F1', `what the field at the cursor means; also ${MOD}+click`],
  [`${MOD}+F`, 'find in an editor or answer'],
  ['Shift+Alt+F', 'prettify'],
  ['Tab', 'leave the editor'],
];

function Guide() {
  const address = window.location.origin + ENDPOINT;
  return (
    <section className="guide" aria-label="Guide">
      <h2>From your program</h2>
      <p>
        Send <code>POST</code> with JSON to <code className="address">{address}</code>; <em>Copy as curl</em> shows how.{' '}
        <code>GET</code> with <code>?query=</code> is answered as well, and cached by any CDN.
      </p>
      <ul>
        <li>
          <strong>Pages:</strong> <code>limit</code> and <code>offset</code>, or <code>first</code> and{' '}
          <code>after</code> with cursors; at most 250 a page.
        </li>
        <li>
          <strong>Filters:</strong> values that the catalogue does not hold are no error;{' '}
          <code>unknownFilterValues</code> names them.
        </li>
        <li>
          <strong>Errors:</strong> <code>errors[].extensions.code</code> says whose fault it is. One field that fails
          leaves the others standing.
        </li>
        <li>
          <strong>Missing:</strong> a model that does not exist is <code>null</code>.
        </li>
      </ul>
      <h3>Keyboard</h3>
      <dl className="keys">
        {KEYS.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
