// Plain requests to the gateway, whose answers checks compare with.

/** Send an operation; returns the decoded answer, including errors. */
export async function ask(url, query, variables) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}

/** Send an operation; returns its data, and throws if there are errors. */
export async function dataOf(url, query, variables) {
  const { data, errors } = await ask(url, query, variables);
  if (errors) throw new Error(JSON.stringify(errors, null, 2));
  return data;
}
