import { readFileSync } from 'node:fs';
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';
import { run } from '../lib/processes.mjs';
import { ROOT, SCHEMA } from '../lib/places.mjs';

export const title = 'graphql-inspector: what changes for those who use the schema';

const git = (...args) => run('git', args, { cwd: ROOT });

/** Find the commit to compare with: SCHEMA_BASE, else origin/main, else the previous commit. */
async function findBase() {
  const head = await git('rev-parse', 'HEAD');
  for (const name of [process.env.SCHEMA_BASE, 'origin/main', 'HEAD~1'].filter(Boolean)) {
    const commit = await git('rev-parse', '--verify', '--quiet', `${name}^{commit}`).catch(() => '');
    if (commit && (commit !== head || name === process.env.SCHEMA_BASE)) return commit.trim();
  }
  return null;
}

export default async function ({ check }) {
  await check('a breaking change has a line in CHANGELOG.md', async () => {
    const base = await findBase().catch(() => null);
    const old = base && (await git('show', `${base}:schema.graphql`).catch(() => null));
    if (!old) return 'no earlier schema to compare with';

    const changes = await diff(buildSchema(old), buildSchema(readFileSync(SCHEMA, 'utf8')));
    const breaking = changes.filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking);
    const added = (await git('diff', '--unified=0', base, '--', 'CHANGELOG.md'))
      .split('\n')
      .filter((line) => line.startsWith('+'));
    const silent = breaking.filter(({ path }) => !added.some((line) => line.includes(`\`${path}\``)));
    if (silent.length) {
      throw new Error(
        'CHANGELOG.md has no new line with these names in code style:\n' +
          silent.map(({ path, message }) => `${path}: ${message}`).join('\n'),
      );
    }
    return `since ${base.slice(0, 8)} ${breaking.length} breaking, ${changes.length - breaking.length} other`;
  });
}
