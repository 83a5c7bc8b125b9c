// A proxy in front of the gateway that records the requests.
import { request } from 'node:http';
import { listen } from './servers.mjs';

/** Forward all requests to `target`; `requests` holds their bodies, in order. */
export async function countingProxy(target) {
  const requests = [];
  const server = await listen(async (incoming, outgoing) => {
    const chunks = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    requests.push(body.toString());
    const headers = { ...incoming.headers, host: new URL(target).host };
    const onward = request(target, { method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.writeHead(502).end());
    onward.end(body);
  });
  return { ...server, requests };
}
