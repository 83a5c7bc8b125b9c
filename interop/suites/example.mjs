import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../lib/graph.mjs';
import { EXAMPLE } from '../lib/places.mjs';
import { freePort, run, start } from '../lib/processes.mjs';

export const title = 'examples/federation, started as its README says';

const read = (name) => readFileSync(join(EXAMPLE, name), 'utf8');

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

export default async function ({ command, check }) {
  const served = start('node', ['start.mjs'], {
    cwd: EXAMPLE,
    env: {
      GATEWAY_COMMAND: command,
      CATALOGRAPH_PORT: String(await freePort()),
      ROUTER_PORT: '0',
    },
  });
  const { data } = JSON.parse(read('answer.json'));
  try {
    const url = await addressOf(served);
    await check('the query that crosses both has the answer of the README', async () => {
      assert.deepEqual(await ask(url, read('query.graphql')), { data });
    });
    if (!existsSync(CHROMIUM)) return;
    await check('its page works with every other host blocked', async () => {
      const seen = JSON.parse(
        await run('node', ['test/browser.mjs', 'glance', url], {
          cwd: join(EXAMPLE, '../../explorer'),
          env: { CHROMIUM, QUERY: read('query.graphql') },
        }),
      );
      assert.deepEqual([seen.problems, seen.outside], [[], []]);
      assert.deepEqual(seen.data, data);
      assert.match(seen.docs, /topRated/);
    });
  } finally {
    await served.stop();
  }
}

async function addressOf(served) {
  for (;;) {
    const [, url] = served.said.match(/^one graph +(\S+)$/m) ?? [];
    if (url) return url;
    if (served.status !== null) throw new Error(served.said);
    await sleep(50);
  }
}
