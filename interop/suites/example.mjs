import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../lib/graph.mjs';
import { EXAMPLE } from '../lib/places.mjs';
import { freePort, start } from '../lib/processes.mjs';

export const title = 'examples/federation, started as its README says';

const read = (name) => readFileSync(join(EXAMPLE, name), 'utf8');

export default async function ({ command, check }) {
  await check('the query that crosses both has the answer of the README', async () => {
    const served = start('node', ['start.mjs'], {
      cwd: EXAMPLE,
      env: {
        GATEWAY_COMMAND: command,
        CATALOGRAPH_PORT: String(await freePort()),
        ROUTER_PORT: '0',
      },
    });
    try {
      const url = await addressOf(served);
      assert.deepEqual(await ask(url, read('query.graphql')), JSON.parse(read('answer.json')));
    } finally {
      await served.stop();
    }
  });
}

async function addressOf(served) {
  for (;;) {
    const [, url] = served.said.match(/^one graph +(\S+)$/m) ?? [];
    if (url) return url;
    if (served.status !== null) throw new Error(served.said);
    await sleep(50);
  }
}
