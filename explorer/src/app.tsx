import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { copyCurl, copyLink, loadCatalogue, run, stop, tidy } from './actions.ts';
import { AnswerPane } from './answer.tsx';
import { BuildPanel } from './build_panel.tsx';
import { DocsPanel } from './docs_panel.tsx';
import { operationsOf, tryParse } from './documents.ts';
import { EditorPane } from './editor_pane.tsx';
import { facts } from './facts.ts';
import { HistoryPanel } from './history_panel.tsx';
import { Icon } from './icons.tsx';
import { MOD } from './keys.ts';
import { StartPanel } from './start_panel.tsx';
import { activeTab, changeTab, setState, useStore, type PanelName, type Theme } from './store.ts';
import { tellAge, useNow } from './time.ts';

const PANELS: { name: PanelName; title: string }[] = [
  { name: 'start', title: 'Start' },
  { name: 'docs', title: 'Docs' },
  { name: 'build', title: 'Build' },
  { name: 'history', title: 'History' },
];

const CONTENT = { start: StartPanel, docs: DocsPanel, build: BuildPanel, history: HistoryPanel };

const NEXT_THEME: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' };

export function App() {
  const panel = useStore((state) => state.panel);
  const theme = useStore((state) => state.theme);
  const notice = useStore((state) => state.notice);
  const Panel = panel && CONTENT[panel];

  useEffect(() => {
    if (theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
  }, [theme]);

  useEffect(() => {
    const listen = (event: globalThis.KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k' && !event.shiftKey && !event.altKey) {
        event.preventDefault();
        setState({ panel: 'docs', seeks: true });
      }
    };
    window.addEventListener('keydown', listen);
    return () => window.removeEventListener('keydown', listen);
  }, []);

  return (
    <div className="app graphiql-container" data-panel={panel ?? 'none'}>
      <Header />
      <nav className="rail" aria-label="Panels">
        <button type="button" className="only-narrow" aria-expanded={panel === null} onClick={() => setState({ panel: null })}>
          <Icon name="curl" />
          Query
        </button>
        {PANELS.map(({ name, title }) => (
          <button
            key={name}
            type="button"
            aria-expanded={panel === name}
            onClick={() => setState({ panel: panel === name ? null : name })}
          >
            <Icon name={name} />
            {title}
          </button>
        ))}
      </nav>
      {Panel && (
        <aside className="panel" key={panel} aria-label={PANELS.find(({ name }) => name === panel)?.title}>
          <Panel />
        </aside>
      )}
      <Workspace />
      <div className="notice" role="status">
        {notice && <p>{notice}</p>}
      </div>
    </div>
  );
}

function Header() {
  const theme = useStore((state) => state.theme);
  return (
    <header className="header">
      <div className="brand">
      <h1>
        <svg className="mark" viewBox="0 0 24 24" aria-hidden="true">
          <path d="M6 6.5h12M6 6.5l6 11M18 6.5l-6 11" />
          <circle cx="6" cy="6.5" r="2.6" />
          <circle cx="18" cy="6.5" r="2.6" />
          <circle cx="12" cy="17.5" r="2.6" />
        </svg>
        catalograph
      </h1>
      <CatalogueState />
      </div>
      <RunButton />
      <div className="tools" role="group" aria-label="Query">
        <button type="button" onClick={() => void tidy()} title="Lay out the query (Shift+Alt+F)">
          <Icon name="tidy" />
          Prettify
        </button>
        <button type="button" onClick={() => void copyLink()} title="A link that opens this query; without keys and headers">
          <Icon name="link" />
          Copy link
        </button>
        <button type="button" onClick={() => void copyCurl()} title="A command for a shell">
          <Icon name="curl" />
          Copy as curl
        </button>
        <button
          type="button"
          className="theme"
          onClick={() => setState({ theme: NEXT_THEME[theme] })}
          title="Light, dark, or as the system"
        >
          <Icon name="theme" />
          <span className="visually-hidden">Theme: </span>
          <span className="name">{theme}</span>
        </button>
      </div>
    </header>
  );
}

function CatalogueState() {
  const catalogue = useStore((state) => state.catalogue);
  const now = useNow();
  return (
    <p className="state">
      <span className={`badge ${facts.catalogue}`}>{facts.catalogue === 'demo' ? 'Demo' : 'Live'}</span>
      {catalogue && (
        <button type="button" className="plain" title="Ask again" onClick={() => void loadCatalogue()}>
          {catalogue.totalModels.toLocaleString('en')} models, {catalogue.isStale && 'stale, '}
          {tellAge(catalogue.asOf, now)}
        </button>
      )}
    </p>
  );
}

function RunButton() {
  const tab = useStore(activeTab);
  const isRunning = useStore((state) => tab.id in state.running);
  const names = operationsOf(tryParse(tab.query)).flatMap(({ name }) => (name ? [name.value] : []));
  return (
    <div className="run">
      {names.length > 1 && (
        <select
          aria-label="Operation to run"
          value={names.includes(tab.operationName ?? '') ? tab.operationName! : names[0]}
          onChange={(event) => changeTab({ operationName: event.target.value })}
        >
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      )}
      <button
        type="button"
        className="primary graphiql-execute-button"
        title={`${isRunning ? 'Stop' : 'Run'} (${MOD}+Enter)`}
        onClick={() => (isRunning ? stop() : void run())}
      >
        <Icon name={isRunning ? 'stop' : 'run'} />
        {isRunning ? 'Stop' : 'Run'}
      </button>
    </div>
  );
}

const [LEAST, MOST] = [20, 80];

/** Editors beside the answer, or above it in narrow windows. */
function Workspace() {
  const [share, setShare] = useState(46); // width of the editors, in percent
  const place = useRef<HTMLElement>(null);
  const bound = (value: number) => setShare(Math.min(MOST, Math.max(LEAST, value)));

  function drag(event: React.PointerEvent) {
    const box = place.current!.getBoundingClientRect();
    if (event.currentTarget.hasPointerCapture(event.pointerId)) bound(((event.clientX - box.left) / box.width) * 100);
  }
  function press(event: KeyboardEvent) {
    if (event.key === 'ArrowLeft') bound(share - 4);
    if (event.key === 'ArrowRight') bound(share + 4);
  }

  return (
    <main className="workspace" ref={place} style={{ '--share': `${share}%` } as React.CSSProperties}>
      <EditorPane />
      <div
        className="splitter"
        role="separator"
        tabIndex={0}
        aria-label="Width of the editors"
        aria-orientation="vertical"
        aria-valuenow={Math.round(share)}
        aria-valuemin={LEAST}
        aria-valuemax={MOST}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={drag}
        onKeyDown={press}
      />
      <AnswerPane />
    </main>
  );
}
