// Starts everything: catalograph over its embedded catalogue, the ratings, and the router.
//
// GATEWAY_COMMAND   how to call catalograph; `catalograph` without it
// CATALOGRAPH_PORT  where that listens; 8000 without it
// GATEWAY_URL       a gateway that runs already; none is started then
// ROUTER_PORT       4000 without it
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { serveRatings } from './ratings/server.mjs';
import { compose, serveRouter } from './router.mjs';

const PATIENCE_MS = 30_000;

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));

const catalographUrl = process.env.GATEWAY_URL ?? (await startCatalograph());
const ratings = await serveRatings(0);
const ratingsUrl = `http://127.0.0.1:${ratings.address().port}/graphql`;
const router = await serveRouter(compose({ catalographUrl, ratingsUrl }), {
  catalographUrl,
  port: Number(process.env.ROUTER_PORT ?? 4000),
});

console.log(`catalograph  ${catalographUrl}`);
console.log(`ratings      ${ratingsUrl}`);
console.log(`one graph    http://127.0.0.1:${router.address().port}/graphql`);

async function startCatalograph() {
  const port = process.env.CATALOGRAPH_PORT ?? '8000';
  const [command, ...rest] = (process.env.GATEWAY_COMMAND     ?? 'catalograph').split(' ');
  const gateway = spawn(command, [...rest, 'serve', '--demo', '--port', port], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  let ended = null;
  gateway.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  gateway.on('error', (error) => (ended = `${command}: ${error.message}`));
  gateway.on('exit', (status) => (ended ??= `${command} ended with status ${status}`));
  process.on('exit', () => gateway.kill());

  const end = Date.now() + PATIENCE_MS;
  while (!(await answers(`http://127.0.0.1:${port}/readyz`))) {
    if (ended) throw new Error(`${ended}\n${said}`);
    if (Date.now() > end) throw new Error('catalograph is not ready after 30 seconds');
    await sleep(100);
  }
  return `http://127.0.0.1:${port}/graphql`;
}

async function answers(url) {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
