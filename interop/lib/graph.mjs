// Plain requests to the gateway, for what checks compare with.

/** Send an operation; gives the decoded answer, errors and all. */
export async function ask(url, query, variables) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}

/** The data of an answer; throws its errors. */
export async function dataOf(url, query, variables) {
  const { data, errors } = await ask(url, query, variables);
  if (errors) throw new Error(JSON.stringify(errors, null, 2));
  return data;
}
