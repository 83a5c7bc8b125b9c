// The ratings subgraph: data of its own, and not one line about what a model is.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { createYoga } from 'graphql-yoga';

const beside = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');

/** Stars given to a model, by `modelId`. Made up. */
const stars = JSON.parse(beside('ratings.json'));
const average = (given) => given.reduce((sum, one) => sum + one, 0) / given.length;

export const ratingsSdl = beside('schema.graphql');

const resolvers = {
  Query: {
    topRated: (_, { limit }) =>
      Object.keys(stars)
        .sort((a, b) => average(stars[b]) - average(stars[a]))
        .slice(0, limit)
        .map((modelId) => ({ modelId })),
  },
  Model: {
    // A router asks for many models in one request; each comes here as its key.
    __resolveReference: ({ modelId }) => ({ modelId }),
    rating: ({ modelId }) => {
      const given = stars[modelId];
      return given ? { average: average(given), count: given.length } : null;
    },
  },
};

const schema = buildSubgraphSchema([{ typeDefs: parse(ratingsSdl), resolvers }]);

/** Serve the ratings; resolves to the server once it listens. */
export function serveRatings(port) {
  const server = createServer(createYoga({ schema, logging: 'error', landingPage: false }));
  return new Promise((done) => server.listen(port, '127.0.0.1', () => done(server)));
}
