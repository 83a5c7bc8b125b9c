import relay from 'relay-runtime';

const { Environment, Network, RecordSource, Store } = relay;

async function fetchGraph({ text }, variables) {
  const response = await fetch('http://127.0.0.1:8000/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: text, variables }),
  });
  return response.json();
}

export const environment = new Environment({
  network: Network.create(fetchGraph),
  store: new Store(new RecordSource()),
});
