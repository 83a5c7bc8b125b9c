// Federation routers that can serve the supergraph.
import { ApolloGateway, IntrospectAndCompose } from '@apollo/gateway';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime';
import { unifiedGraphHandler } from '@graphql-hive/router-runtime';
import { listen } from './servers.mjs';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function serveApollo(supergraphSdl) {
  const gateway = new ApolloGateway({ supergraphSdl, logger: silent });
  const server = new ApolloServer({ gateway, logger: silent });
  const { url } = await startStandaloneServer(server, { listen: { port: 0, host: '127.0.0.1' } });
  return { url, stop: () => server.stop() };
}

async function serveHive(options) {
  const gateway = createGatewayRuntime({ logging: false, landingPage: false, ...options });
  const server = await listen(gateway);
  return {
    url: server.url,
    async stop() {
      server.stop();
      await gateway[Symbol.asyncDispose]?.();
    },
  };
}

/** By name: the composer of its supergraph (null if it composes itself), and how to serve it. */
export const ROUTERS = {
  '@apollo/gateway': { composer: 'apollo', serve: serveApollo },
  '@apollo/gateway that introspects': {
    composer: null,
    serve: (_, urls) =>
      serveApollo(
        new IntrospectAndCompose({
          subgraphs: Object.entries(urls).map(([name, url]) => ({ name, url })),
        }),
      ),
  },
  'Hive Gateway': { composer: 'guild', serve: (supergraph) => serveHive({ supergraph }) },
  "Hive Gateway over Apollo's supergraph": {
    composer: 'apollo',
    serve: (supergraph) => serveHive({ supergraph }),
  },
  'Hive Gateway with the router runtime': {
    composer: 'guild',
    serve: (supergraph) => serveHive({ supergraph, unifiedGraphHandler }),
  },
};
