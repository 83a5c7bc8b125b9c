// The router: both subgraphs composed into one schema, and Hive Gateway over it.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime';
import { composeServices } from '@theguild/federation-composition';
import { parse } from 'graphql';
import { ratingsSdl } from './ratings/server.mjs';

const catalographSdl = readFileSync(new URL('catalograph.graphql', import.meta.url), 'utf8');

/** Compose the subgraphs; throws what a composer finds wrong. */
export function compose({ catalographUrl, ratingsUrl }) {
  const { errors, supergraphSdl } = composeServices([
    { name: 'catalograph', url: catalographUrl, typeDefs: parse(catalographSdl) },
    { name: 'ratings', url: ratingsUrl, typeDefs: parse(ratingsSdl) },
  ]);
  if (errors?.length) throw new AggregateError(errors, errors.map(String).join('\n'));
  return supergraphSdl;
}

/** Serve a supergraph; resolves to the server once it listens. */
export function serveRouter(supergraph, port) {
  const gateway = createGatewayRuntime({ supergraph, logging: 'error', landingPage: false });
  const server = createServer(gateway);
  return new Promise((done) => server.listen(port, '127.0.0.1', () => done(server)));
}
