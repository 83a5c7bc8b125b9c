import assert from 'node:assert/strict';
import { run } from '../lib/processes.mjs';
import { expected, prepare } from '../lib/snippets.mjs';

export const title = 'curl';

export default async function ({ base, check }) {
  for (const name of ['curl-post', 'curl-get']) {
    await check(`clients/${name}.sh`, async () => {
      const out = await run('sh', [prepare(`${name}.sh`, base)]);
      assert.deepEqual(JSON.parse(out), JSON.parse(expected(`${name}.json`)));
    });
  }
}
