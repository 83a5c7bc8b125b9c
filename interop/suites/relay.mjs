import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import relay from 'relay-runtime';
import { run } from '../lib/processes.mjs';
import { INTEROP, SCHEMA } from '../lib/places.mjs';
import { expected, prepare } from '../lib/snippets.mjs';

export const title = 'relay-compiler and relay-runtime';

const COMPILER = join(INTEROP, 'node_modules/.bin/relay-compiler');

const pagination = (size, cursor) => `
  fragment Case_query on Query @refetchable(queryName: "CasePageQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" }) {
    models(${size}: $count, ${cursor}: $cursor) @connection(key: "Case_models") {
      edges { node { id name } }
    }
  }`;

const CASES = {
  'a pagination fragment forwards': [pagination('first', 'after'), 'query CaseQuery { ...Case_query }'],
  'a pagination fragment backwards': [pagination('last', 'before'), 'query CaseQuery { ...Case_query }'],
  '@refetchable on Model': [
    'fragment Case_item on Model @refetchable(queryName: "CaseItemQuery") { id name }',
    'query CaseQuery($id: ID!) { node(id: $id) { ...Case_item @alias(as: "item") } }',
  ],
  'node': ['query CaseQuery($id: ID!) { node(id: $id) { __typename id ... on Model { name } } }'],
  'nodes': ['query CaseQuery($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }'],
};

async function compile(documents) {
  const room = join(INTEROP, '.work/relay-case');
  rmSync(room, { recursive: true, force: true });
  mkdirSync(join(room, 'src/__generated__'), { recursive: true });
  cpSync(join(INTEROP, 'clients/relay/relay.config.json'), join(room, 'relay.config.json'));
  cpSync(SCHEMA, join(room, 'schema.graphql'));
  const tagged = documents.map((document) => `graphql\`${document}\`;`).join('\n');
  writeFileSync(join(room, 'src/Case.js'), tagged);
  await run(COMPILER, ['--noWatchman', 'relay.config.json'], { cwd: room });
}

export default async function ({ base, check }) {
  for (const [name, documents] of Object.entries(CASES)) {
    await check(name, () => compile(documents));
  }

  await check('clients/relay: compiled, fetched, next page joined in the store', async () => {
    const room = prepare('relay', base);
    cpSync(SCHEMA, join(room, 'schema.graphql'));
    mkdirSync(join(room, 'src/__generated__'), { recursive: true });
    // There is no bundler: Node runs the output as CommonJS, whose imports need no file endings.
    const config = join(room, 'relay.config.json');
    const { projects, ...rest } = JSON.parse(readFileSync(config, 'utf8'));
    projects.app.eagerEsModules = false;
    writeFileSync(config, JSON.stringify({ ...rest, projects }));
    writeFileSync(join(room, 'package.json'), '{"type": "commonjs"}');
    await run(COMPILER, ['--noWatchman', 'relay.config.json'], { cwd: room });
    const generated = (name) => import(join(room, `src/__generated__/${name}.graphql.js`));
    const { default: query } = await generated('ModelListQuery');
    const { default: page } = await generated('ModelListPageQuery');
    const { environment } = await import(join(room, 'src/environment.mjs'));

    await relay.fetchQuery(environment, query, { first: 3 }).toPromise();
    const operation = relay.createOperationDescriptor(query, { first: 3 });
    environment.retain(operation);
    const fragment = query.fragment.selections.find(({ kind }) => kind === 'FragmentSpread');
    const { default: models } = await generated(fragment.name);
    const read = () => {
      const { data } = environment.lookup(operation.fragment);
      const selector = relay.getSingularSelector(models, data);
      return environment.lookup(selector).data.models;
    };
    const first = read();
    const after = first.pageInfo.endCursor;
    await relay.fetchQuery(environment, page, { first: 3, after }).toPromise();

    const joined = read().edges.map(({ node }) => node.name);
    assert.equal(`${joined.join(', ')}\n`, expected('relay.txt'));
  });
}
