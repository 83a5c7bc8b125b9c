// Small HTTP servers in this process, on free ports.
import { createServer } from 'node:http';

/** Listen on a free port; `stop()` closes open connections, too. */
export async function listen(handler) {
  const server = createServer(handler);
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${server.address().port}/graphql`,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
