// Mercurius with JIT over the same upstream. Pages are cached, already in the
// shape of the graph. CACHE=1 adds mercurius-cache: resolver results, equal calls coalesced.
import { readFileSync } from 'node:fs';
import Fastify from 'fastify';
import mercurius from 'mercurius';
import cache from 'mercurius-cache';

const { PORT, UPSTREAM, TOKEN, CACHE } = process.env;
const MAX_PAGES = 1000;
const TTL_S = 300;

const instant = (text) => text && `${text.slice(0, 19)}Z`;
const named = (ids) => ids.map((endpointId) => ({ endpointId }));

const offering = (row) => ({
  provider: {
    providerId: row.api_provider_id,
    name: row.api_provider_name,
    link: row.link,
    countryCode: row.country_code,
  },
  endpoint: { endpointId: row.endpoint },
  providerModelSlug: row.provider_model_slug,
  isRoutable: row.is_active_gateway,
  inputModalities: row.input_modalities,
  outputModalities: row.output_modalities,
  effectiveFrom: instant(row.effective_from),
  effectiveTo: instant(row.effective_to),
});

const model = (row) => ({
  modelId: row.model_id,
  name: row.name,
  releaseDate: row.release_date && row.release_date.slice(0, 10),
  statusLabel: row.status,
  organisation: row.organisation && { organisationId: row.organisation.organisation_id },
  aliases: row.aliases,
  endpoints: named(row.gateway.endpoints),
  inputModalities: row.data.input_types,
  outputModalities: row.data.output_types,
  offerings: row.gateway.providers.map(offering),
});

const pages = new Map();

async function loadPage(path) {
  const cached = pages.get(path);
  if (cached && Date.now() < cached.untilMs) return cached.page;
  const response = await fetch(UPSTREAM + path, { headers: { authorization: `Bearer ${TOKEN}` } });
  if (!response.ok) throw new Error(`upstream answered ${response.status}`);
  const { total, limit, offset, models } = await response.json();
  const page = { totalCount: total, limit, offset, nodes: models.map(model) };
  if (pages.size >= MAX_PAGES) pages.delete(pages.keys().next().value);
  pages.set(path, { untilMs: Date.now() + TTL_S * 1000, page });
  return page;
}

function models(_root, { limit, offset, filter }) {
  const asked = new URLSearchParams({ limit, offset });
  if (filter?.organisations?.length) asked.set('organisation', filter.organisations.join(','));
  return loadPage(`/models?${asked}`);
}

const app = Fastify();
app.register(mercurius, {
  schema: readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8'),
  resolvers: { Query: { models } },
  jit: 1,
});
if (CACHE) app.register(cache, { ttl: TTL_S, policy: { Query: { models: true } } });
await app.listen({ port: Number(PORT), host: '127.0.0.1' });
