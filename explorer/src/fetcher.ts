import type { Fetcher, FetcherParams } from '@graphiql/toolkit';

/**
 * The operation's name, if the document has it. GraphiQL learns the name a moment after the
 * text: who opens another tab and runs it at once would send the last tab's name.
 */
function knownName({ query, operationName }: FetcherParams): string | undefined {
  return operationName && new RegExp(`\\b${operationName}\\b`).test(query) ? operationName : undefined;
}

/** Posts to the page's own address; the gateway has neither subscriptions nor `@defer`. */
export const fetcher: Fetcher = async (params, options) => {
  const response = await fetch(window.location.pathname, {
    method: 'POST',
    headers: {
      accept: 'application/graphql-response+json, application/json;q=0.9',
      'content-type': 'application/json',
      ...options?.headers,
    },
    body: JSON.stringify({ ...params, operationName: knownName(params) }),
  });
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    // A proxy's page, say: show what came instead of a parser's complaint.
    return {
      errors: [{ message: `${response.status} ${response.statusText}: the answer is no JSON` }],
      body: text.slice(0, 500),
    };
  }
};
