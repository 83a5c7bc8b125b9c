import { useMemo, useState } from 'react';
import { download, isRefusal, showAccess } from './actions.ts';
import { titleOf } from './documents.ts';
import { Editor } from './editor.tsx';
import { facts } from './facts.ts';
import type { Answer, Freshness } from './fetching.ts';
import { Icon } from './icons.tsx';
import { MOD } from './keys.ts';
import { activeTab, setState, useStore } from './store.ts';
import { findTables, isNumeric, sortRows, writeCsv, type Order, type Table } from './table.ts';
import { clockTime } from './time.ts';

type View = 'json' | 'table' | 'trace';

/** The answer of the shown tab, as JSON or as a table, with its cost. */
export function AnswerPane() {
  const tab = useStore(activeTab);
  const answer = useStore((state) => state.answers[tab.id]);
  const isRunning = useStore((state) => tab.id in state.running);
  const isFromLink = useStore((state) => state.waiting === tab.id);
  const [wanted, setWanted] = useState<View>('json');
  const tables = useMemo(() => findTables(answer?.data), [answer]);
  const text = useMemo(() => (answer ? JSON.stringify(answer.body, null, 2) : ''), [answer]);
  const name = titleOf(tab.query, tab.operationName);
  const isPossible = { json: true, table: tables.length > 0, trace: answer?.trace != null };
  const view = isPossible[wanted] ? wanted : 'json';

  return (
    <section className="answer graphiql-response" aria-label="Answer" aria-busy={isRunning}>
      <div className="bar">
        <div className="views" role="group" aria-label="Show the answer as">
          {(['json', 'table', 'trace'] as const).map((one) => (
            <button
              key={one}
              type="button"
              aria-pressed={view === one}
              disabled={!answer || !isPossible[one]}
              onClick={() => setWanted(one)}
            >
              {{ json: 'JSON', table: 'Table', trace: 'Trace' }[one]}
            </button>
          ))}
        </div>
        {answer && (
          <button type="button" onClick={() => download(`${name}.json`, 'application/json', `${text}\n`)}>
            <Icon name="download" />
            JSON
          </button>
        )}
      </div>
      {!answer && <Empty isRunning={isRunning} isFromLink={isFromLink} />}
      {answer?.remarks.map((remark) => (
        <p key={remark} className="remark">
          {remark}
        </p>
      ))}
      {answer && (facts.apiKeys || facts.passthrough) && isRefusal(answer) && (
        <p className="remark">
          This gateway asks for {facts.apiKeys ? 'a key' : 'a token'}.{' '}
          <button type="button" className="text" onClick={showAccess}>
            Enter it
          </button>
        </p>
      )}
      {answer && view === 'json' && (
        <div className="answer-text">
          <Editor language="answer" owner={tab.id} label="Answer, as JSON" value={text} />
        </div>
      )}
      {view === 'table' && <Tables tables={tables} name={name} key={tab.id} />}
      {answer?.trace && view === 'trace' && <TraceList answer={answer} />}
      <Details answer={answer} isRunning={isRunning} />
    </section>
  );
}

function Empty({ isRunning, isFromLink }: { isRunning: boolean; isFromLink: boolean }) {
  return (
    <div className="empty">
      {isRunning ? (
        <p>Asking …</p>
      ) : (
        <>
          {isFromLink && <p>This query came by a link, and has not run yet. Read it first.</p>}
          <p>
            Press <strong>Run</strong>, or <kbd>{MOD}+Enter</kbd> in the editor: the answer appears here.
          </p>
          <p className="hint">Everything only reads; nothing can be broken.</p>
        </>
      )}
    </div>
  );
}

function Tables({ tables, name }: { tables: Table[]; name: string }) {
  const [path, setPath] = useState('');
  const [order, setOrder] = useState<Order | null>(null);
  const table = tables.find((one) => one.path === path) ?? tables[0]!;
  const rows = sortRows(table, order);
  const numeric = table.columns.map((_, column) => isNumeric(table, column));

  function sortBy(column: number) {
    // Clicks cycle: ascending, descending, original order.
    if (order?.column !== column) setOrder({ column, isDescending: false });
    else setOrder(order.isDescending ? null : { column, isDescending: true });
  }

  return (
    <div className="table">
      <div className="bar">
        {tables.length > 1 ? (
          <label>
            List{' '}
            <select
              value={table.path}
              onChange={(event) => {
                setPath(event.target.value);
                setOrder(null);
              }}
            >
              {tables.map((one) => (
                <option key={one.path}>{one.path}</option>
              ))}
            </select>
          </label>
        ) : (
          <code>{table.path}</code>
        )}
        <span className="hint">
          {rows.length} {rows.length === 1 ? 'row' : 'rows'}
        </span>
        <button type="button" onClick={() => download(`${name}.csv`, 'text/csv;charset=utf-8', writeCsv(table.columns, rows))}>
          <Icon name="download" />
          CSV
        </button>
      </div>
      <div className="scroll" tabIndex={0} role="region" aria-label={`Table of ${table.path}`}>
        <table>
          <thead>
            <tr>
              {table.columns.map((column, at) => {
                const isSorted = order?.column === at;
                return (
                  <th
                    key={column}
                    scope="col"
                    aria-sort={isSorted ? (order.isDescending ? 'descending' : 'ascending') : 'none'}
                  >
                    <button type="button" onClick={() => sortBy(at)}>
                      {column}
                      <span aria-hidden="true">{isSorted ? (order.isDescending ? ' ↓' : ' ↑') : ''}</span>
                    </button>
                  </th>
                );
              })}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, at) => (
              <tr key={at}>
                {row.map((cell, column) => {
                  const text = String(cell);
                  if (cell === null) return <td key={column} className={numeric[column] ? 'number' : ''}><span className="hint">null</span></td>;
                  if (numeric[column] || text.length <= 40) return <td key={column} className={numeric[column] ? 'number' : ''}>{text}</td>;
                  // Long texts are cut after a few lines; JSON and CSV contain the full text.
                  return <td key={column} className="long"><div title={text}>{text}</div></td>;
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

/** Decodes a path for display; returns it unchanged if its percent-encoding is invalid. */
function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

const milliseconds = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

function TraceList({ answer }: { answer: Answer }) {
  const { requests, answers, requestsLeftOut } = answer.trace!;
  return (
    <div className="trace" tabIndex={0} role="region" aria-label="Trace">
      <h3>Where the answer came from</h3>
      <ul>
        {answers.map((part, at) => (
          <li key={at}>
            <code>{part.what}</code>
            <span>
              {part.from === 'upstream' ? 'asked of the upstream' : `from ${part.from}`},{' '}
              {part.ageSeconds < 1 ? 'just now' : `${Math.round(part.ageSeconds)} s old`}
            </span>
          </li>
        ))}
        {answers.length === 0 && <li>No data of the catalogue was needed.</li>}
      </ul>
      <h3>REST requests of this operation</h3>
      <ol>
        {requests.map((call, at) => (
          <li key={at}>
            <code>
              {call.method} {decodePath(call.path)}
            </code>
            <span>
              {call.status ?? 'no status'}, {call.outcome}, {milliseconds(call.milliseconds)}
            </span>
          </li>
        ))}
      </ol>
      {requests.length === 0 && <p>None: everything was cached.</p>}
      {requestsLeftOut ? <p>{requestsLeftOut} more are not listed.</p> : null}
    </div>
  );
}

const size = (bytes: number): string =>
  bytes < 1_000 ? `${bytes} B` : bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;

function tellFreshness(freshness: Freshness, at: number): string {
  if (freshness.kind === 'fresh') return `fresh until ${clockTime(at + freshness.forSeconds * 1_000)}`;
  if (freshness.kind === 'unknown') return 'not told';
  return freshness.asOf ? `stale, of ${clockTime(freshness.asOf)}: the upstream fails` : 'stale, being refreshed';
}

/** Status, time, size, cost and freshness, and switches to request cost and trace. */
function Details({ answer, isRunning }: { answer: Answer | undefined; isRunning: boolean }) {
  const wantsCost = useStore((state) => state.wantsCost);
  const wantsTrace = useStore((state) => state.wantsTrace);
  const isFailure = answer && (answer.status < 200 || answer.status > 299 || !answer.data);
  const errors = isFailure ? 0 : (answer?.errors ?? 0);
  return (
    <footer className="details" aria-label="About the answer">
      {answer && !isRunning && (
        <dl>
          <div className={isFailure ? 'bad' : errors ? 'partial' : 'good'}>
            <dt>Status</dt>
            <dd>
              {answer.status || ''} {answer.statusText}
              {errors > 0 && `, with ${errors} ${errors === 1 ? 'error' : 'errors'}`}
            </dd>
          </div>
          <div>
            <dt>Time</dt>
            <dd>{milliseconds(answer.milliseconds)}</dd>
          </div>
          <div>
            <dt>Size</dt>
            <dd title={answer.sentBytes === null ? undefined : `${size(answer.sentBytes)} compressed`}>
              {size(answer.bytes)}
            </dd>
          </div>
          {answer.cost && (
            <div>
              <dt>Cost</dt>
              <dd>
                {answer.cost.estimated.toLocaleString('en')} of {answer.cost.bound.toLocaleString('en')}
              </dd>
            </div>
          )}
          <div className={answer.freshness.kind}>
            <dt>Data</dt>
            <dd>{tellFreshness(answer.freshness, answer.at)}</dd>
          </div>
          {answer.trace && (
            <div>
              <dt>Upstream requests</dt>
              <dd>{answer.trace.requests.length + (answer.trace.requestsLeftOut ?? 0)}</dd>
            </div>
          )}
          {answer.requestId && (
            <div>
              <dt>Request</dt>
              <dd>{answer.requestId}</dd>
            </div>
          )}
        </dl>
      )}
      <div className="switches">
        <label title="Sends X-Catalograph-Cost: 1">
          <input type="checkbox" checked={wantsCost} onChange={(event) => setState({ wantsCost: event.target.checked })} />
          Cost
        </label>
        <label title={facts.trace ? 'Sends X-Catalograph-Trace: 1' : 'Off on this gateway: CATALOGRAPH_TRACE_ENABLED'}>
          <input
            type="checkbox"
            checked={wantsTrace && facts.trace}
            disabled={!facts.trace}
            onChange={(event) => setState({ wantsTrace: event.target.checked })}
          />
          Trace
        </label>
      </div>
    </footer>
  );
}
