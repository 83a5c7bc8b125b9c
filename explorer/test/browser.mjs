// node test/browser.mjs SCENE URL [SCREENSHOT_FOLDER]
//
// Does what a person does, in Chromium, with every request to another host blocked. A scene is
// one visit; it prints one line of JSON. What that must say is decided by who asked.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [scene, url, shots] = process.argv.slice(2);
const own = new URL(url).host;
const profile = mkdtempSync(join(tmpdir(), 'explorer-'));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const report = { outside: [], problems: [] };

const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  viewport: { width: 1440, height: 900 },
  permissions: ['clipboard-read', 'clipboard-write'],
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
  if (address.host === own || ['data:', 'blob:'].includes(address.protocol)) return route.fallback();
  report.outside.push(address.origin);
  return route.abort('blockedbyclient');
});

const page = context.pages()[0] ?? (await context.newPage());
page.setDefaultTimeout(15_000);
page.on('pageerror', (error) => report.problems.push(String(error).slice(0, 300)));
page.on('console', (message) => {
  // What the network refuses is told by the page, and asked for by some scenes.
  if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
    report.problems.push(message.text().slice(0, 300));
  }
});
const posts = []; // operations that the page sent, without those it asks by itself
page.on('request', (request) => {
  const body = request.method() === 'POST' ? request.postDataJSON() : null;
  if (body && !/__schema|CatalogueState/.test(body.query)) posts.push({ ...body, headers: request.headers() });
});

const shot = async (name) => shots && page.screenshot({ path: join(shots, `${name}.png`) });
const button = (name) => page.getByRole('button', { name, exact: true });
const editor = page.getByRole('textbox', { name: 'Query', exact: true });
const variables = page.getByRole('textbox', { name: 'Variables, as JSON' });
const answer = page.locator('.graphiql-response');
const notice = page.locator('.notice');
const flat = (text) => text.replaceAll(/\s+/g, ' ').trim();
const tabNames = () => page.getByRole('tab').allInnerTexts();
const panel = (name) => page.getByRole('navigation', { name: 'Panels' }).getByRole('button', { name });
const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
const textOf = async (box) => (await box.locator('.cm-line').allInnerTexts()).join('\n');

async function open(address = url) {
  await page.goto(address);
  await button('Run').waitFor();
}

/** Waits for the answer to what `act` sets off, and until it is shown. */
async function answered(act) {
  const coming = page.waitForResponse(
    (response) => response.request().method() === 'POST' && !/__schema|CatalogueState/.test(response.request().postData()),
  );
  await act();
  const body = await (await coming).json();
  await page.locator('.details dt', { hasText: 'Status' }).waitFor();
  return body;
}

const run = () => answered(() => button('Run').click());

/** Empties the editor and types; brackets and quotes close themselves. */
async function type(box, text) {
  await box.click();
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(text);
}

async function details() {
  const pairs = await page.locator('.details dl > div').evaluateAll((rows) =>
    rows.map((row) => [row.querySelector('dt').textContent, row.querySelector('dd').textContent.trim()]),
  );
  return Object.fromEntries(pairs);
}

async function downloaded(act) {
  const [download] = await Promise.all([page.waitForEvent('download'), act()]);
  return { name: download.suggestedFilename(), text: readFileSync(await download.path(), 'utf8') };
}

/** What axe finds serious or worse, in a few words. */
async function findBarriers(where) {
  await page.evaluate(axe);
  // Darkness changes colours only.
  const runOnly = where.includes('dark') ? ['color-contrast'] : undefined;
  const { violations } = await page.evaluate(
    (options) => window.axe.run(document, { resultTypes: ['violations'], ...options }),
    runOnly ? { runOnly } : {},
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${where}: ${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 120)).join(' | ')}`);
}

const scenes = {
  /** A stranger comes, tries every example, and writes a query of their own. */
  async stranger() {
    const loaded = [];
    page.on('requestfinished', (request) => loaded.push(request));
    const session = await context.newCDPSession(page);
    await session.send('Network.enable');
    await session.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 0,
      downloadThroughput: 4_000_000 / 8,
      uploadThroughput: 4_000_000 / 8,
    });
    const start = performance.now();
    await page.goto(url, { waitUntil: 'commit' });
    await editor.waitFor();
    const editorMs = Math.round(performance.now() - start);
    await page.getByText('162').or(page.locator('.facts')).first().waitFor();
    await page.waitForLoadState('networkidle');
    const sizes = await Promise.all(loaded.map((request) => request.sizes()));
    report.firstVisit = {
      requests: sizes.length,
      bytes: sizes.reduce((sum, { responseBodySize, responseHeadersSize }) => sum + responseBodySize + responseHeadersSize, 0),
      editorMs,
    };
    await session.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
    report.ranByItself = posts.length;
    report.start = flat(await page.locator('.facts').innerText());
    report.links = await page.locator('.links').locator('a, button').allInnerTexts();
    report.schemaStatus = (await page.request.get(new URL('schema.graphql', url).href)).status();
    report.empty = flat(await answer.innerText());
    await shot('start');

    report.examples = {};
    for (const example of await page.locator('.examples li button').all()) {
      const { errors = [], data } = await answered(() => example.click());
      const name = await page.getByRole('tab', { selected: true }).innerText();
      report.examples[name] = { errors: errors.map(({ message }) => message), data, table: await button('Table').isEnabled() };
      await shot(`example-${name}`);
      if (name === 'CompareThree') {
        await button('Table').click();
        report.compared = {
          columns: (await page.locator('table th').allInnerTexts()).slice(0, 3),
          fields: await page.locator('table tbody td:first-child').allInnerTexts(),
        };
        await button('JSON').first().click();
      }
    }
    // There are more tabs than there is room for: the one that is shown is among those seen.
    report.tabShown = await page.evaluate(() => {
      const [tab, list] = ['[role=tab][aria-selected=true]', '[role=tablist]'].map((one) => document.querySelector(one).getBoundingClientRect());
      return tab.left >= list.left - 1 && tab.right <= list.right + 1;
    });

    await button('New query').click();
    await editor.click();
    await page.keyboard.type('query Completed {');
    await page.keyboard.press('Enter');
    for (const [beginning, whole] of [['catal', 'catalogue'], ['totalM', 'totalModels']]) {
      await page.keyboard.type(beginning, { delay: 40 });
      const suggestion = page.locator('.cm-tooltip-autocomplete li[aria-selected]', { hasText: whole });
      await suggestion.waitFor();
      await page.waitForTimeout(100); // a suggestion taken at once is mistaken for typing on
      await page.keyboard.press('Enter');
      if (whole === 'catalogue') {
        await page.keyboard.type(' {');
        await page.keyboard.press('Enter');
      }
    }
    report.written = flat(await textOf(editor));
    await answered(() => page.keyboard.press('Control+Enter'));
    report.shown = flat(await answer.locator('.cm-content').innerText());
    report.details = await details();
    await page.reload();
    await editor.waitFor();
    report.tabsAfterReload = await tabNames();
  },

  /** A link is made, and opened by its maker, by a stranger's site, and with several operations. */
  async links() {
    await open();
    await panel('Start').click();
    await button('Access and headers').click();
    await page.getByRole('textbox', { name: /Headers/ }).fill('Authorization: Bearer secret-token\nX-Own: 1');
    await button('Apply').click();
    await button('Variables').click();
    await type(editor, 'query A { __typename }\nquery B($n: Int) { models(first: $n) { totalCount } }');
    await type(variables, '{ "n": 1 }');
    await page.getByRole('combobox', { name: 'Operation to run' }).selectOption('B');
    await button('Copy link').click();
    await notice.getByText('copied').waitFor();
    report.link = await clipboard();
    await button('Copy as curl').click();
    await notice.getByText('command').waitFor();
    report.curl = await clipboard();
    report.sentHeaders = (await run(), posts.at(-1).headers['x-own']);

    posts.length = 0;
    const data = await answered(() => page.goto(report.link));
    report.opened = {
      query: await textOf(editor),
      variables: flat(await textOf(variables)),
      ran: posts.map(({ operationName, variables: given }) => ({ operationName, variables: given })),
      data,
    };
    await shot('link');

    posts.length = 0;
    // Another site: the link is followed from a page of another address.
    const foreign = 'http://elsewhere.example/';
    await context.route(foreign, (route) =>
      route.fulfill({ contentType: 'text/html', body: `<a href="${report.link.replaceAll('&', '&amp;')}">look</a>` }),
    );
    await page.goto(foreign);
    await page.getByText('look').click();
    await editor.waitFor();
    await answer.getByText('came by a link').waitFor();
    await page.waitForLoadState('networkidle');
    report.foreign = { query: await textOf(editor), ran: posts.length };
    await shot('link-from-elsewhere');
    report.long = (await type(editor, `{ __typename } # ${'x'.repeat(9_000)}`), await button('Copy link').click(), await notice.innerText());
  },

  /** The bar below the answer, the trace, the table and what can be taken away. */
  async answers() {
    await open();
    report.first = (await run(), await details());
    await page.getByRole('checkbox', { name: 'Trace' }).check();
    await type(editor, '{ models(first: 3, orderBy: { field: NAME, direction: ASC }) { nodes { modelId name releaseDate organisation { name } providers { name } } } }');
    await run();
    report.traced = await details();
    await button('Trace').click();
    report.trace = flat(await page.getByRole('region', { name: 'Trace' }).innerText());
    await shot('trace');
    await page.getByRole('checkbox', { name: 'Trace' }).uncheck();
    await page.getByRole('checkbox', { name: 'Cost' }).uncheck();
    await run();
    report.plain = await details();
    report.headers = posts.slice(0, 3).map(({ headers }) => [headers['x-catalograph-cost'] ?? '', headers['x-catalograph-trace'] ?? '']);

    await type(editor, '{ model(modelId: "openai/gpt5") { name } }');
    await run();
    report.remark = await page.locator('.remark').innerText();
    await type(editor, '{ models { totalCount } }');

    // Values that a spreadsheet would run, numbers as texts, nulls; the gateway is not asked.
    const rows = [
      { name: '=HYPERLINK("http://evil")', price: '10', note: null, tags: ['a', 'b'], by: { name: 'x, y' } },
      { name: '+1', price: '9.5', note: 'two\nlines', tags: [], by: null },
      { name: '@SUM(A1)', price: '-2', note: '-x', tags: ['=a'], by: { name: ' =b' } },
    ];
    await page.route(url, (route) =>
      route.request().method() === 'POST' ? route.fulfill({ json: { data: { list: { rows } } } }) : route.fallback(),
    );
    await run();
    await button('Table').click();
    const table = page.locator('table');
    report.columns = await table.locator('th').allInnerTexts();
    const prices = () => table.locator('tbody tr td:nth-child(2)').allInnerTexts();
    report.sorted = { asIs: await prices() };
    await button('price').click();
    report.sorted.up = await prices();
    report.sorted.aria = await table.locator('th[aria-sort=ascending]').innerText();
    await button('price ↑').or(button('price')).click();
    report.sorted.down = await prices();
    await shot('table');
    report.csv = await downloaded(() => button('CSV').click());
    report.json = await downloaded(() => button('JSON').last().click());
    await page.unroute(url);
    await page.route(url, (route) =>
      route.request().method() === 'POST'
        ? route.fulfill({
            headers: { 'cache-control': 'no-store' },
            json: { data: { a: 1 }, extensions: { warnings: [{ code: 'STALE_DATA', asOf: '2025-01-01T00:00:00Z', message: 'm', path: ['a'] }] } },
          })
        : route.fallback(),
    );
    await run();
    report.stale = (await details()).Data;
    await page.unroute(url);
    await page.route(url, (route) => (route.request().method() === 'POST' ? route.fulfill({ status: 502, contentType: 'text/html', body: '<p>Bad gateway' }) : route.fallback()));
    await button('Run').click();
    await page.locator('.details .bad').waitFor();
    report.proxy = [(await details()).Status, flat(await answer.locator('.cm-content').innerText())];

    // Answers that are not as they should be: what the page says of each.
    const odd = {
      failed: { errors: [{ message: 'the catalogue is not available just now' }], data: { models: null } },
      text: 'nothing',
      list: [1],
      long: { data: { list: [{ name: 'a', text: 'long '.repeat(400) }] } },
      trace: { data: { a: 1 }, extensions: { trace: { requests: [{ method: 'GET', path: '/models?provider=%E0%A4', status: 200, outcome: 'ok', milliseconds: 1 }], answers: [], freshForSeconds: 1 } } },
    };
    report.odd = {};
    await button('JSON').first().click();
    for (const [name, json] of Object.entries(odd)) {
      await page.unroute(url);
      await page.route(url, (route) => (route.request().method() === 'POST' ? route.fulfill({ headers: { 'cache-control': 'no-store' }, json }) : route.fallback()));
      await run();
      const { Status, Data } = await details();
      report.odd[name] = [Status, Data, flat(await answer.locator('.cm-content').innerText())];
      if (name === 'long') {
        await button('Table').click();
        report.rowHeight = (await page.locator('tbody tr').boundingBox()).height;
        await button('JSON').first().click();
      }
    }
    await button('Trace').click();
    report.oddTrace = flat(await page.getByRole('region', { name: 'Trace' }).locator('ol').innerText());
  },

  /** The documentation, the tree of boxes, the history, hints in the editor. */
  async panels() {
    await open();
    await page.keyboard.press('Control+K');
    const search = page.getByRole('searchbox');
    report.shortcut = (await search.waitFor(), await page.locator('.docs-search kbd').textContent());
    await page.waitForFunction(() => document.activeElement?.type === 'search');
    report.description = flat(await page.locator('.docs .description').first().innerText());
    report.asked = await page.locator('.docs .fields').first().locator('li > button:first-child').allInnerTexts();
    report.headings = await page.locator('.docs h3').allInnerTexts();
    await page.keyboard.type('isRoutable');
    await page.locator('.docs .plain-list button', { hasText: 'Model.isRoutable' }).waitFor();
    report.found = await page.locator('.docs .plain-list button').allInnerTexts();
    await page.getByRole('button', { name: 'Model.isRoutable' }).click();
    await page.locator('.docs h2', { hasText: 'Model.isRoutable' }).waitFor();
    report.field = flat(await page.locator('.docs').innerText());
    await page.getByRole('button', { name: 'Documentation', exact: true }).click();
    await page.getByRole('button', { name: 'Model', exact: true }).last().click();
    await shot('docs');
    await button('New query').click();
    await panel('Build').click();
    await page.locator('.tree').getByLabel('provider', { exact: true }).check();
    await page.getByLabel('providerId: String!').fill('"openai"');
    await page.keyboard.press('Enter');
    await page.locator('.tree .tree').getByLabel('link', { exact: true }).check();
    report.built = flat(await textOf(editor));
    report.builtData = (await run()).data;
    await shot('build');
    await panel('History').click();
    await page.locator('.panel .examples li strong').first().waitFor();
    report.history = await page.locator('.panel .examples li strong').allInnerTexts();
    // A sketch is completed when it runs; a mistake is underlined.
    await type(editor, '# why\n{ models(first: 1) }');
    await run();
    report.filled = flat(await textOf(editor));
    await editor.click();
    await page.keyboard.press('Control+Home');
    await page.keyboard.press('ArrowDown');
    for (let forth = 0; forth < 4; forth++) await page.keyboard.press('ArrowRight');
    await page.keyboard.press('F1');
    await page.locator('.docs h2', { hasText: 'Query.' }).waitFor();
    report.helped = await page.locator('.docs h2').innerText();
    await type(editor, '{   models(first:1){nodes{nme}}} # kept');
    await page.locator('.cm-lintRange-error').first().waitFor();
    await page.locator('.cm-lintRange-error').first().hover();
    report.mistake = await page.locator('.cm-diagnosticText').first().innerText();
    await button('Prettify').click();
    await page.waitForFunction(() => document.querySelectorAll('.graphiql-query-editor .cm-line').length > 4);
    report.pretty = await textOf(editor);
    await type(editor, 'query V($filter: ModelFilter) { models(filter: $filter) { totalCount } }');
    await type(variables, '{ "filter": {  } }');
    for (let back = 0; back < 4; back++) await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Control+Space');
    await page.locator('.cm-tooltip-autocomplete').waitFor();
    report.variableNames = await page.locator('.cm-tooltip-autocomplete li .cm-completionLabel').allInnerTexts();
    await shot('variables');
  },

  /** Without a mouse: everything is reached, and no editor holds the focus. */
  async keyboard() {
    await open();
    const reached = [];
    for (let step = 0; step < 120; step++) {
      await page.keyboard.press('Tab');
      const name = await page.evaluate(() => {
        const node = document.activeElement;
        if (!node || node === document.body) return null;
        return node.getAttribute('aria-label') || node.labels?.[0]?.innerText || node.innerText || node.tagName;
      });
      if (name === null) break;
      reached.push(name.replaceAll(/\s+/g, ' ').trim().slice(0, 40));
    }
    report.reached = reached;
    await page.getByRole('tab').focus();
    await page.keyboard.press('Delete');
    report.afterDelete = await tabNames();
    await page.getByRole('separator').focus();
    const width = () => page.locator('.editors').evaluate((node) => node.clientWidth);
    const before = await width();
    await page.keyboard.press('ArrowRight');
    report.widened = (await width()) > before;
  },

  /** Every width, light and dark: nothing sticks out, Run is there, axe is content. */
  async widths() {
    report.barriers = [];
    report.sticksOut = [];
    report.runHidden = [];
    report.detailsHidden = [];
    await page.addInitScript(() => localStorage.clear()); // each time a first visit
    const widths = { 360: true, 768: true, 899: false, 900: false, 1280: true, 2560: false };
    for (const [name, isLookedAt] of Object.entries(widths)) {
      const width = Number(name);
      for (const colorScheme of isLookedAt ? ['light', 'dark'] : ['light']) {
        await page.setViewportSize({ width, height: width < 600 ? 740 : 900 });
        await page.emulateMedia({ colorScheme });
        await open();
        await page.locator('.facts', { hasText: 'Freshness' }).waitFor();
        const where = `${width} ${colorScheme}`;
        const check = async (what) => {
          await shot(`${what}-${width}-${colorScheme}`);
          const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
          if (over > 0) report.sticksOut.push(`${where} ${what}: ${over} px`);
          const box = await button('Run').boundingBox();
          const isThere = box && box.x >= 0 && box.x + box.width <= width && box.y >= 0 && box.y + box.height <= 740;
          if (!isThere) report.runHidden.push(`${where} ${what}`);
          if (['answer', 'table', 'trace'].includes(what)) {
            // Where the answer has come into view, so have its details.
            const hidden = await page.locator('.details dd, .details input').evaluateAll((nodes) =>
              nodes.filter((node) => {
                const { left, top, width, height } = node.getBoundingClientRect();
                return !node.contains(document.elementFromPoint(left + width / 2, top + height / 2));
              }).length,
            );
            if (hidden) report.detailsHidden.push(`${where} ${what}: ${hidden}`);
          }
          if (isLookedAt && width !== 768) report.barriers.push(...(await findBarriers(`${where} ${what}`)));
        };
        await check('start');
        await answered(() => page.locator('.examples li button', { hasText: 'Which models take images' }).click());
        await check('answer');
        await button('Table').click();
        await check('table');
        if (isLookedAt && width !== 768) {
          await button('Trace').click();
          await check('trace');
          await panel('Docs').click();
          await check('docs');
          await panel('Build').click();
          await check('build');
          await panel('History').click();
          await check('history');
          await panel('History').click();
          await button('Access and headers').click();
          await check('access');
        }
      }
    }
  },

  /** A gateway with API keys: a field for the key, and everything recovers. */
  async keys() {
    // By a link, which shows the query and no start page: the refusal says where a key goes.
    await answered(() => open(`${url}?query=${encodeURIComponent('{ models(first: 1) { totalCount } }')}`));
    report.remark = flat(await page.locator('.remark').innerText());
    await button('Enter it').click();
    await page.waitForFunction(() => document.activeElement?.labels?.[0]?.innerText.startsWith('API key'));
    posts.length = 0;
    await page.evaluate(() => localStorage.clear());
    await open();
    report.asks = flat(await page.locator('.card h3').innerText());
    report.sentBefore = posts.length;
    await shot('key-wanted');
    await panel('Docs').click();
    report.docsBefore = flat(await page.locator('.panel').innerText());
    const field = page.getByLabel('API key');
    await field.fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    report.refused = await page.getByRole('alert').innerText();
    await field.fill(process.env.API_KEY);
    await page.keyboard.press('Enter');
    await page.getByRole('searchbox').waitFor();
    report.docsAfter = flat(await page.locator('.docs h2').innerText());
    report.data = (await run()).data;
    await button('Copy link').click();
    await notice.getByText('copied').waitFor();
    report.link = await clipboard();
    await button('Copy as curl').click();
    await notice.getByText('command').waitFor();
    report.curl = await clipboard();
    report.stored = await page.evaluate(() => JSON.stringify({ ...localStorage }));
    await page.reload();
    report.dataAfterReload = (await editor.waitFor(), (await run()).data);
  },

  /** A gateway to which callers bring the catalogue's token. */
  async tokens() {
    await open();
    report.asks = flat(await page.locator('.card h3').innerText());
    const field = page.getByLabel('Token of the catalogue');
    await field.fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    report.refused = await page.getByRole('alert').innerText();
    await field.fill(process.env.TOKEN);
    await page.keyboard.press('Enter');
    await page.locator('.facts', { hasText: 'Models' }).waitFor();
    report.data = (await run()).data;
    await button('Copy as curl').click();
    await notice.getByText('command').waitFor();
    report.curl = await clipboard();
  },

  /** A gateway that shows its schema to nobody. */
  async closed() {
    await open();
    await page.waitForLoadState('networkidle');
    report.start = flat(await page.locator('.panel').innerText());
    await panel('Docs').click();
    report.docs = flat(await page.locator('.panel').innerText());
    report.data = (await run()).data;
    await shot('introspection-off');
  },

  /** Just the page and one query: for other servers that show it. */
  async glance() {
    await open();
    await page.waitForLoadState('networkidle');
    await panel('Docs').click();
    report.docs = flat(await page.locator('.panel').innerText());
    await type(editor, process.env.QUERY);
    report.data = (await run()).data;
    await shot('glance');
  },
};

try {
  await scenes[scene]();
} catch (error) {
  report.problems.push(String(error.message).split('\n').slice(0, 6).join(' ').slice(0, 500));
  await shot(`failed-${scene}`);
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}
console.log(JSON.stringify(report));
