import { Client, cacheExchange, fetchExchange, gql } from '@urql/core';

const client = new Client({
  url: 'http://127.0.0.1:8000/graphql',
  exchanges: [cacheExchange, fetchExchange],
  preferGetMethod: 'force', // so that a CDN can hold the answers; false: POST
});

const { data, error } = await client.query(
  gql`
    query Search($words: String!) {
      models(search: $words, first: 3) { nodes { modelId name } }
    }
  `,
  { words: 'kimi thinking' },
);
if (error) throw error;
for (const { modelId, name } of data.models.nodes) console.log(`${modelId}: ${name}`);
