// Another subgraph, as a neighbouring team might write it, in four variants.
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { createYoga } from 'graphql-yoga';
import { listen } from './servers.mjs';

const link = (...names) =>
  `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ${JSON.stringify(names)})`;

const own = `
  type Query { topRated: [Model!]! rated(modelId: String!): Model }
  type Rating { count: Int! }
  type Review { id: ID! stars: Int! about: Model! }
`;
const extended = 'type Model @key(fields: "modelId") { modelId: String! rating: Rating reviews: [Review!]! }';

export const neighbours = {
  'that extends Model': `${link('@key')} ${own} ${extended}`,
  'that only refers to Model': `${link('@key')} ${own}
    type Model @key(fields: "modelId", resolvable: false) { modelId: String! }`,
  'with connections of its own': `${link('@key', '@shareable')} ${own} ${extended}
    type PageInfo @shareable {
      hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String
    }
    type ReviewEdge { cursor: String! node: Review! }
    type ReviewConnection { edges: [ReviewEdge!]! pageInfo: PageInfo! totalCount: Int! }
    extend type Query { reviews(first: Int, after: String): ReviewConnection }`,
  'with a Node and a Query.node of its own': `${link('@key', '@shareable')} ${extended}
    ${own.replace('type Review {', 'type Review implements Node {')}
    interface Node { id: ID! }
    extend type Query { node(id: ID!): Node @shareable }`,
};

/** Serve the neighbour that extends Model: it rates each model by the length of its id. */
export function serveNeighbour(modelIds) {
  const resolvers = {
    Query: {
      topRated: () => modelIds.map((modelId) => ({ modelId })),
      rated: (_, { modelId }) => ({ modelId }),
    },
    Model: {
      __resolveReference: ({ modelId }) => ({ modelId }),
      rating: ({ modelId }) => ({ count: modelId.length }),
      reviews: () => [],
    },
  };
  const typeDefs = parse(neighbours['that extends Model']);
  const schema = buildSubgraphSchema([{ typeDefs, resolvers }]);
  return listen(createYoga({ schema, logging: false, landingPage: false, graphiql: false }));
}
