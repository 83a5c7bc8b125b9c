import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { run } from '../lib/processes.mjs';
import { expected, prepare } from '../lib/snippets.mjs';

export const title = "automatic persisted queries as Apollo's link speaks them";

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

/** A client that records the method of each request, and whether it contained the text. */
function recordingClient(url, useGETForHashedQueries) {
  const requests = [];
  const recorded = async (target, options) => {
    const { searchParams } = new URL(target);
    const hasText = options.body ? 'query' in JSON.parse(options.body) : searchParams.has('query');
    requests.push(`${options.method} ${hasText ? 'text' : 'hash'}`);
    return fetch(target, options);
  };
  const client = new ApolloClient({
    link: ApolloLink.from([
      new PersistedQueryLink({ sha256, useGETForHashedQueries }),
      new HttpLink({ uri: url, fetch: recorded }),
    ]),
    cache: new InMemoryCache(),
  });
  return { client, requests };
}

export default async function ({ base, url, check }) {
  for (const [method, useGet] of [['POST', false], ['GET', true]]) {
    const query = gql(`query PersistedBy${method} { catalogue { totalModels } }`);

    await check(`by ${method}: unknown, sent with its text, known from then on`, async () => {
      const first = recordingClient(url, useGet);
      const second = recordingClient(url, useGet);

      const { data } = await first.client.query({ query });
      await second.client.query({ query });

      assert.ok(data.catalogue.totalModels > 0);
      assert.deepEqual(first.requests, [`${method} hash`, 'POST text']);
      assert.deepEqual(second.requests, [`${method} hash`]);
    });
  }

  await check('clients/apollo-persisted.mjs', async () => {
    const out = await run('node', [prepare('apollo-persisted.mjs', base)]);
    assert.equal(out, expected('apollo-persisted.txt'));
  });
}
