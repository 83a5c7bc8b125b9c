// The router: both subgraphs composed into one schema, and Hive Gateway over it.
import { readFileSync } from 'node:fs';
import { createServer, request as ask } from 'node:http';
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime';
import { composeServices } from '@theguild/federation-composition';
import { parse } from 'graphql';
import { ratingsSdl } from './ratings/server.mjs';

const catalographSdl = readFileSync(new URL('catalograph.graphql', import.meta.url), 'utf8');

/** Compose the subgraphs, for routers and for clients; throws what a composer finds wrong. */
export function compose({ catalographUrl, ratingsUrl }) {
  const { errors, supergraphSdl, publicSdl } = composeServices([
    { name: 'catalograph', url: catalographUrl, typeDefs: parse(catalographSdl) },
    { name: 'ratings', url: ratingsUrl, typeDefs: parse(ratingsSdl) },
  ]);
  if (errors?.length) throw new AggregateError(errors, errors.map(String).join('\n'));
  return { supergraphSdl, publicSdl };
}

/**
 * Serve a composed graph; resolves to the server once it listens. Browsers get catalograph's
 * explorer: the router's own page would be loaded from another host.
 */
export function serveRouter({ supergraphSdl, publicSdl }, { catalographUrl, port }) {
  const gateway = createGatewayRuntime({
    supergraph: supergraphSdl,
    logging: 'error',
    landingPage: false,
    graphiql: false,
  });
  const server = createServer((request, response) => {
    if (request.url === '/schema.graphql') {
      response.setHeader('content-type', 'text/plain; charset=utf-8');
      response.end(publicSdl);
    } else if (isForExplorer(request)) passOn(request, response, catalographUrl);
    else gateway(request, response);
  });
  return new Promise((done) => server.listen(port, '127.0.0.1', () => done(server)));
}

function isForExplorer({ method, url, headers }) {
  const { pathname } = new URL(url, 'http://router');
  const isPage = pathname === '/graphql' && headers.accept?.includes('text/html');
  return method === 'GET' && (isPage || pathname.startsWith('/graphql/assets/'));
}

/** Let catalograph answer a request, with its headers as they are. */
function passOn({ url, headers }, response, catalographUrl) {
  const address = new URL(url, catalographUrl);
  ask(address, { headers: { ...headers, host: address.host } }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  })
    .on('error', (error) => response.writeHead(502).end(`${error.message}\n`))
    .end();
}
