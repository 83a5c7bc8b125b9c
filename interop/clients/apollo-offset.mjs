import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { offsetLimitPagination } from '@apollo/client/utilities';

// The helper is made for a list; ours is inside of a connection, beside its count.
const pages = offsetLimitPagination();
const models = {
  keyArgs: ['filter', 'search', 'orderBy'],
  merge: (before, next, options) => ({
    ...next,
    nodes: pages.merge(before?.nodes, next.nodes, options),
  }),
};

const client = new ApolloClient({
  link: new HttpLink({ uri: 'http://127.0.0.1:8000/graphql' }),
  cache: new InMemoryCache({ typePolicies: { Query: { fields: { models } } } }),
});

const MODELS = gql`
  query Models($limit: Int!, $offset: Int!) {
    models(filter: { outputModalities: ["image"] }, limit: $limit, offset: $offset) {
      totalCount
      nodes { id name }
    }
  }
`;

const list = client.watchQuery({ query: MODELS, variables: { limit: 3, offset: 0 } });
list.subscribe(() => {}); // a user interface would draw the list here

await client.query({ query: MODELS, variables: { limit: 3, offset: 0 } });
await list.fetchMore({ variables: { offset: 3 } });

const { models: joined } = client.readQuery({ query: MODELS, variables: { limit: 3, offset: 0 } });
console.log(`${joined.nodes.length} of ${joined.totalCount}`);
