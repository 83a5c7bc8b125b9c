import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { run } from '../lib/processes.mjs';
import { CLIENTS } from '../lib/places.mjs';
import { expected, prepare } from '../lib/snippets.mjs';

export const title = 'Python: gql, httpx, ariadne-codegen';

const PYTHON = process.env.PYTHON ?? 'python3';

export default async function ({ base, url, check }) {
  for (const transport of ['aiohttp', 'httpx']) {
    await check(`gql over ${transport}: schema fetched, queries checked against it and run`, () =>
      run(PYTHON, [join(dirname(CLIENTS), 'suites/gql_transports.py'), transport, url]));
  }

  for (const name of ['gql_client', 'httpx_client']) {
    await check(`clients/${name}.py`, async () => {
      const out = await run(PYTHON, [prepare(`${name}.py`, base)]);
      assert.equal(out, expected(`${name}.txt`));
    });
  }

  await check('clients/ariadne: generated from the live schema, imported and called', async () => {
    const room = prepare('ariadne', base);
    await run(join(dirname(PYTHON), 'ariadne-codegen'), [], { cwd: room });
    assert.equal(await run(PYTHON, ['use.py'], { cwd: room }), expected('ariadne.txt'));
  });
}
