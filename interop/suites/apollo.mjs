import assert from 'node:assert/strict';
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { relayStylePagination } from '@apollo/client/utilities';
import { dataOf } from '../lib/graph.mjs';
import { run } from '../lib/processes.mjs';
import { expected, prepare } from '../lib/snippets.mjs';

export const title = 'Apollo Client: pagination and the normalised cache';

const MODEL = gql`
  fragment WholeModel on Model {
    id modelId name status statusLabel releaseDate announcementDate deprecationDate retirementDate
    aliases inputModalities outputModalities isRoutable
    organisation { id name countryCode }
    endpoints { id endpointId }
    providers { id providerId name }
    offerings {
      id providerModelSlug isRoutable inputModalities outputModalities effectiveFrom effectiveTo
      provider { id name } endpoint { id }
    }
  }
`;
const LIST = gql`query List { models(limit: 250) { nodes { ...WholeModel } } } ${MODEL}`;
const OF_PROVIDER = gql`
  query OfProvider($provider: String!) {
    models(filter: { providers: [$provider] }, limit: 250) { nodes { ...WholeModel } }
  }
  ${MODEL}
`;
const ONE = gql`query One($id: String!) { model(modelId: $id) { ...WholeModel } } ${MODEL}`;

function newClient(url, typePolicies = {}) {
  return new ApolloClient({
    link: new HttpLink({ uri: url }),
    cache: new InMemoryCache({ typePolicies }),
  });
}

/** Run one query in a new client; returns the entities of its cache, by cache id. */
async function entitiesOf(url, query, variables) {
  const client = newClient(url);
  await client.query({ query, variables });
  const { ROOT_QUERY: _root, __META: _meta, ...entities } = client.cache.extract();
  return entities;
}

export default async function ({ base, url, check }) {
  await check('relayStylePagination joins two pages', async () => {
    const client = newClient(url, { Query: { fields: { models: relayStylePagination() } } });
    const query = gql`
      query Page($first: Int, $after: String) {
        models(first: $first, after: $after) {
          edges { cursor node { id } }
          pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        }
      }
    `;
    const variables = { first: 5 };
    const watched = client.watchQuery({ query, variables });
    const subscription = watched.subscribe(() => {});
    const { data } = await client.query({ query, variables });
    await watched.fetchMore({ variables: { after: data.models.pageInfo.endCursor } });
    subscription.unsubscribe();

    const { models } = client.readQuery({ query, variables });
    const { models: straight } = await dataOf(url, '{ models(first: 10) { edges { node { id } } } }');
    assert.deepEqual(
      models.edges.map(({ node }) => node.id),
      straight.edges.map(({ node }) => node.id),
    );
    assert.equal(models.pageInfo.endCursor, models.edges.at(-1).cursor);
  });

  await check('a model is the same entity in the list, in a filtered list and alone', async () => {
    const list = await entitiesOf(url, LIST);
    const { providers } = await dataOf(url, '{ providers(limit: 250) { nodes { providerId } } }');
    const alone = new Set();
    let filtered = 0;
    for (const { providerId: provider } of providers.nodes) {
      for (const [key, entity] of Object.entries(await entitiesOf(url, OF_PROVIDER, { provider }))) {
        assert.deepEqual(entity, list[key], `${key} of ${provider}`);
        if (entity.__typename === 'Model') filtered++;
        if (entity.__typename === 'Model' && entity.providers.length > 2) alone.add(entity.modelId);
      }
    }
    for (const id of [...alone].slice(0, 10)) {
      for (const [key, entity] of Object.entries(await entitiesOf(url, ONE, { id }))) {
        assert.deepEqual(entity, list[key], `${key} by ${id}`);
      }
    }
    assert.ok(filtered > 100 && alone.size >= 10, `too few: ${filtered}, ${alone.size}`);
    return `${providers.nodes.length} providers, ${filtered} models of theirs, 10 alone`;
  });

  await check('three ways into one cache leave one entity', async () => {
    const client = newClient(url);
    await client.query({ query: LIST });
    const before = Object.keys(client.cache.extract()).sort();
    await client.query({ query: OF_PROVIDER, variables: { provider: 'groq' } });
    await client.query({ query: ONE, variables: { id: 'mistral/mistral-large-3' } });
    assert.deepEqual(Object.keys(client.cache.extract()).sort(), before);
    return `${before.length} entries`;
  });

  for (const name of ['apollo', 'apollo-offset']) {
    await check(`clients/${name}.mjs`, async () => {
      const out = await run('node', [prepare(`${name}.mjs`, base)]);
      assert.equal(out, expected(`${name}.txt`));
    });
  }
}
