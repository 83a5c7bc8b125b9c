import { createHash } from 'node:crypto';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';

const persisted = new PersistedQueryLink({
  sha256: (text) => createHash('sha256').update(text).digest('hex'),
  useGETForHashedQueries: true,
});

const client = new ApolloClient({
  link: ApolloLink.from([persisted, new HttpLink({ uri: 'http://127.0.0.1:8000/graphql' })]),
  cache: new InMemoryCache(),
});

const { data } = await client.query({ query: gql`query Size { catalogue { totalModels } }` });
console.log(data.catalogue.totalModels);
