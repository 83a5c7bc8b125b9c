import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neighbours } from '../lib/neighbour.mjs';
import { INTEROP } from '../lib/places.mjs';
import { run } from '../lib/processes.mjs';

export const title = 'the tools of schema registries compose what the command prints, offline';

const bin = (name) => join(INTEROP, 'registries/node_modules/.bin', name);

export default async function ({ url, command, check }) {
  const folder = await mkdtemp(join(tmpdir(), 'registries-'));
  const at = (name) => join(folder, name);
  // The tools must not touch the files of the user, nor look for updates.
  const env = { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder, XDG_CACHE_HOME: folder };
  try {
    await writeFile(at('catalograph.graphql'), await run(command, ['schema', '--subgraph']));
    await writeFile(at('ratings.graphql'), neighbours['that extends Model']);

    await check('wgc router compose (Cosmo)', async () => {
      await writeFile(
        at('graph.yaml'),
        ['version: 1', 'subgraphs:']
          .concat(
            ['catalograph', 'ratings'].flatMap((name) => [
              `  - name: ${name}`,
              `    routing_url: ${url}`,
              '    schema:',
              `      file: ${at(`${name}.graphql`)}`,
            ]),
          )
          .join('\n'),
      );
      await run(bin('wgc'), ['router', 'compose', '--input', at('graph.yaml'), '--out', at('router.json')], {
        cwd: folder,
        env,
      });
      const config = JSON.parse(await readFile(at('router.json'), 'utf8'));
      assert.deepEqual(
        config.subgraphs.map(({ name }) => name),
        ['catalograph', 'ratings'],
      );
      assert.match(config.engineConfig.graphqlSchema, /rating: Rating/);
    });

    await check('hive dev (Hive)', async () => {
      const args = ['catalograph', 'ratings'].flatMap((name) => [
        '--service',
        name,
        '--url',
        url,
        '--schema',
        at(`${name}.graphql`),
      ]);
      await run(bin('hive'), ['dev', ...args, '--write', at('supergraph.graphql')], { cwd: folder, env });
      const supergraph = await readFile(at('supergraph.graphql'), 'utf8');
      assert.match(supergraph, /rating: Rating/);
      assert.match(supergraph, /@join__graph\(name: "catalograph"/);
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}
