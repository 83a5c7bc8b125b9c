import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { relayStylePagination } from '@apollo/client/utilities';

const client = new ApolloClient({
  link: new HttpLink({ uri: 'http://127.0.0.1:8000/graphql' }),
  cache: new InMemoryCache({
    possibleTypes: { Node: ['Model', 'Offering', 'Provider', 'Endpoint', 'Organisation'] },
    typePolicies: {
      Query: { fields: { models: relayStylePagination(['filter', 'search', 'orderBy']) } },
      Provider: { fields: { models: relayStylePagination(['filter', 'search', 'orderBy']) } },
    },
  }),
});

const MODELS = gql`
  query Models($first: Int!, $after: String) {
    models(filter: { outputModalities: ["image"] }, first: $first, after: $after) {
      edges { node { id name } }
      pageInfo { hasNextPage endCursor }
    }
  }
`;

const list = client.watchQuery({ query: MODELS, variables: { first: 3 } });
list.subscribe(() => {}); // a user interface would draw the list here

const { data } = await client.query({ query: MODELS, variables: { first: 3 } });
await list.fetchMore({ variables: { after: data.models.pageInfo.endCursor } });

const { models } = client.readQuery({ query: MODELS, variables: { first: 3 } });
for (const { node } of models.edges) console.log(node.name);
