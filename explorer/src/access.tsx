import { useState, type FormEvent } from 'react';
import { reload } from './actions.ts';
import { facts } from './facts.ts';
import { setState, useStore } from './store.ts';

/** Fields for API key and token. Both stay in this browser tab, and never enter links. */
export function AccessForm({ withHeaders = false }: { withHeaders?: boolean }) {
  const stored = useStore((state) => state.apiKey);
  const storedToken = useStore((state) => state.token);
  const storedHeaders = useStore((state) => state.headers);
  const isRefused = useStore((state) => state.isRefused);
  const [apiKey, setApiKey] = useState(stored);
  const [token, setToken] = useState(storedToken);
  const [headers, setHeaders] = useState(storedHeaders);

  function save(event: FormEvent) {
    event.preventDefault();
    setState({ apiKey: apiKey.trim(), token: token.trim(), headers });
    void reload();
  }

  return (
    <form className="access" onSubmit={save}>
      {facts.apiKeys && (
        <label>
          API key
          <input
            type="password"
            name="api-key"
            autoComplete="off"
            spellCheck={false}
            value={apiKey}
            onChange={(event) => setApiKey(event.target.value)}
          />
        </label>
      )}
      {facts.passthrough && (
        <label>
          Token of the catalogue
          <input
            type="password"
            name="token"
            autoComplete="off"
            spellCheck={false}
            value={token}
            onChange={(event) => setToken(event.target.value)}
          />
        </label>
      )}
      {withHeaders && (
        <label>
          <span>
            {facts.apiKeys || facts.passthrough ? 'Further headers' : 'Headers'}, one <code>Name: value</code> a line
          </span>
          <textarea
            name="headers"
            rows={3}
            spellCheck={false}
            value={headers}
            placeholder={facts.apiKeys || facts.passthrough ? '' : 'This gateway asks for no key.'}
            onChange={(event) => setHeaders(event.target.value)}
          />
        </label>
      )}
      <button type="submit">Apply</button>
      {isRefused && (stored || storedToken) && (
        <p className="problem" role="alert">
          This {storedToken && !facts.apiKeys ? 'token' : 'key'} was refused.
        </p>
      )}
      <p className="hint">Stays in this tab until you close it. Never part of a link.</p>
    </form>
  );
}
