import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../lib/processes.mjs';
import { INTEROP } from '../lib/places.mjs';
import { prepare } from '../lib/snippets.mjs';

export const title = 'graphql-codegen, and tsc --strict over what it writes';

const bin = (name) => join(INTEROP, 'node_modules/.bin', name);

export default async function ({ base, url, check }) {
  const sources = { 'by introspection': url, 'from /schema.graphql': `${base}/schema.graphql` };
  for (const [name, schema] of Object.entries(sources)) {
    await check(`clients/codegen ${name}: every scalar has its type`, async () => {
      const room = prepare('codegen', base);
      const config = join(room, 'codegen.json');
      writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')), schema }));
      await run(bin('graphql-codegen'), ['--config', 'codegen.json'], { cwd: room });

      const types = readFileSync(join(room, 'schema.ts'), 'utf8');
      const untyped = types.match(/^ +\w+: \{ input: (any|unknown)/gm) ?? [];
      assert.deepEqual(untyped.filter((line) => !line.includes('_Any')), []);
      await run(
        bin('tsc'),
        ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'esnext',
          '--moduleResolution', 'bundler', 'use.ts', 'schema.ts'],
        { cwd: room },
      );
      return `${types.split('\n').length} lines`;
    });
  }
}
