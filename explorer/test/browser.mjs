// node test/browser.mjs URL [SCREENSHOT_FOLDER]
//
// Opens the explorer as a stranger would, in Chromium with every request to another host
// blocked: the editor appears, a query is completed by auto-complete and run, each example
// is run. Prints one line of JSON; what it must say is decided by who asked.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [url, shots] = process.argv.slice(2);
const own = new URL(url).host;
const profile = mkdtempSync(join(tmpdir(), 'explorer-'));
const report = {
  tabs: [],
  schema: '',
  completed: '',
  shown: '',
  examples: {}, // by operation name: its errors and its data
  variables: '', // of the first tab after a reload
  tabsAfterReload: [],
  reopened: '', // the tab that the panel of examples opened after it was closed
  outside: [],
  problems: [],
  firstVisit: { requests: 0, bytes: 0, editorMs: 0 },
};

const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  viewport: { width: 1440, height: 900 },
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
await context.route('**/*', (route) => {
  const address = new URL(route.request().url());
  if (address.host === own || address.protocol === 'data:') return route.continue();
  report.outside.push(address.origin);
  return route.abort('blockedbyclient');
});

const page = context.pages()[0] ?? (await context.newPage());
page.setDefaultTimeout(30_000);
page.on('pageerror', (error) => report.problems.push(String(error).slice(0, 300)));
page.on('console', (message) => {
  if (message.type() === 'error') report.problems.push(message.text().slice(0, 300));
});
const loaded = [];
page.on('requestfinished', (request) => {
  if (request.method() === 'GET') loaded.push(request);
});

const editor = page.locator('.graphiql-query-editor .monaco-editor').first();
const tabNames = () => page.locator('[id^=graphiql-session-tab-]').allInnerTexts();
const shot = async (name) => shots && page.screenshot({ path: join(shots, `${name}.png`) });

/** Waits until nothing has been loaded for a while: the editor's workers come late. */
async function waitForQuiet() {
  for (let before = -1; loaded.length !== before; ) {
    before = loaded.length;
    await page.waitForTimeout(1_500);
  }
}

/** Runs what is in the editor and gives back the answer as the response pane holds it. */
async function run() {
  const answered = page.waitForResponse(
    (response) => response.request().method() === 'POST' && !response.request().postData().includes('__schema'),
  );
  await page.locator('.graphiql-execute-button').click();
  const body = await (await answered).json();
  const first = Object.keys(body)[0];
  await page.locator('.graphiql-response', { hasText: `"${first}"` }).waitFor();
  return body;
}

/** Types a beginning and takes the suggestion that says `whole`. */
async function complete(beginning, whole) {
  await page.keyboard.type(beginning, { delay: 40 });
  const suggestion = page.locator('.suggest-widget.visible .monaco-list-row', { hasText: whole }).first();
  try {
    await suggestion.waitFor({ timeout: 5_000 });
  } catch {
    await page.keyboard.press('Control+Space');
    await suggestion.waitFor();
  }
  await shot('completing');
  await page.keyboard.press('Enter');
}

try {
  const introspected = page.waitForResponse((response) => response.request().postData()?.includes('__schema'));
  introspected.catch(() => undefined); // told by whoever awaits it below
  const start = performance.now();
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  await editor.waitFor({ state: 'visible' });
  report.firstVisit.editorMs = Math.round(performance.now() - start);
  report.schema = (await (await introspected).json()).data ? 'introspected' : 'refused';
  await waitForQuiet();
  const sizes = await Promise.all(loaded.map((request) => request.sizes()));
  report.firstVisit.requests = sizes.length;
  report.firstVisit.bytes = sizes.reduce((sum, size) => sum + size.responseBodySize, 0);
  report.tabs = await tabNames();
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.reload();
  await editor.waitFor({ state: 'visible' });
  await page.waitForLoadState('networkidle');
  await shot('dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.reload();
  await editor.waitFor({ state: 'visible' });
  await page.waitForLoadState('networkidle');
  await shot('light');
  report.variables = (await page.locator('.graphiql-editor-tool').innerText()).replaceAll(/\s+/g, ' ');

  if (report.schema === 'introspected') {
    for (const [index, name] of report.tabs.entries()) {
      await page.locator(`#graphiql-session-tab-${index}`).click();
      const { errors = [], data } = await run();
      report.examples[name] = { errors: errors.map((error) => error.message), data };
      await shot(name);
    }
    await page.locator('.graphiql-tab-add').click();
    await editor.click();
    await page.keyboard.type('query Completed {');
    await page.keyboard.press('Enter');
    await complete('catal', 'catalogue');
    await page.keyboard.type(' {');
    await page.keyboard.press('Enter');
    await complete('totalM', 'totalModels');
    const { data } = await run();
    report.completed = data;
    await page.locator('.graphiql-response', { hasText: /totalModels.*\}\s*\}\s*\}/s }).waitFor();
    report.shown = (await page.locator('.graphiql-response').innerText()).replaceAll(/\s+/g, ' ');
    await shot('completed');
    // Tabs are stored half a second after the last change.
    await page.waitForFunction(() =>
      JSON.parse(localStorage.getItem('graphiql:tabState')).tabs.at(-1).query?.includes('totalModels'),
    );
    await page.reload();
    await editor.waitFor({ state: 'visible' });
    report.tabsAfterReload = await tabNames();
    await page.locator('#graphiql-session-tab-0').click();
    await page.locator('[aria-label="Close Tab"]').first().click();
    await page.waitForFunction((name) => !document.body.innerText.includes(name), report.tabs[0]);
    await page.locator('.examples button').first().click();
    // A tab has no title for the moment between its making and the reading of its text.
    await page.waitForFunction(() =>
      [...document.querySelectorAll('[id^=graphiql-session-tab-]')].every((tab) => tab.title !== '<untitled>'),
    );
    report.reopened = (await tabNames()).at(-1);
  } else {
    await page.locator('.graphiql-response', { hasText: 'errors' }).waitFor();
    report.shown = (await page.locator('.graphiql-response').innerText()).replaceAll(/\s+/g, ' ');
    await shot('refused');
  }
} catch (error) {
  report.problems.push(String(error.message).split('\n')[0]);
  await shot('failed');
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}
console.log(JSON.stringify(report));
