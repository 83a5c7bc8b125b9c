import './look.css';

import { createRoot } from 'react-dom/client';
import { reload, run } from './actions.ts';
import { App } from './app.tsx';
import { dates, EXAMPLES } from './examples.ts';
import { facts } from './facts.ts';
import { readLink } from './link.ts';
import { activeTab, getState, openTab, setState } from './store.ts';

const link = readLink(window.location.search);
if (link) {
  openTab(link);
  setState({ panel: null });
} else if (getState().tabs.length === 0) {
  const { query, variables } = EXAMPLES[0]!;
  openTab({ query, variables: variables?.(dates(null)) ?? '' });
}

createRoot(document.getElementById('explorer')!).render(<App />);
void reload();

if (link && facts.runLink) void run();
else if (link) setState({ waiting: activeTab(getState()).id });
