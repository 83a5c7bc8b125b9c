import assert from 'node:assert/strict';
import { Client, cacheExchange, fetchExchange } from '@urql/core';
import { run } from '../lib/processes.mjs';
import { expected, prepare } from '../lib/snippets.mjs';

export const title = 'urql by POST and by GET';

const PAGE = `query Page($first: Int, $after: String) {
  models(first: $first, after: $after) { nodes { id } pageInfo { endCursor } }
}`;

export default async function ({ base, url, check }) {
  for (const [method, preferGetMethod] of [['POST', false], ['GET', 'force']]) {
    await check(`two pages by ${method}, the first again from the cache`, async () => {
      const methods = [];
      const client = new Client({
        url,
        exchanges: [cacheExchange, fetchExchange],
        preferGetMethod,
        fetch: (target, options) => (methods.push(options.method), fetch(target, options)),
      });
      const load = async (variables) => {
        const result = await client.query(PAGE, variables).toPromise();
        if (result.error) throw result.error;
        return result.data.models;
      };

      const first = await load({ first: 5 });
      const second = await load({ first: 5, after: first.pageInfo.endCursor });
      await load({ first: 5 });

      assert.equal(new Set([...first.nodes, ...second.nodes].map(({ id }) => id)).size, 10);
      assert.deepEqual(methods, [method, method]);
    });
  }

  await check('a query that is wrong comes back as a GraphQL error', async () => {
    const client = new Client({ url, exchanges: [fetchExchange], preferGetMethod: false });
    const { error } = await client.query('{ noSuchField }', {}).toPromise();
    assert.equal(error.graphQLErrors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
    return error.graphQLErrors[0].message;
  });

  await check('clients/urql.mjs', async () => {
    const out = await run('node', [prepare('urql.mjs', base)]);
    assert.equal(out, expected('urql.txt'));
  });
}
