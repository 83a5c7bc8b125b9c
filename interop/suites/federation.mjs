import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { composeServices as composeApollo } from '@apollo/composition';
import { composeServices as composeGuild } from '@theguild/federation-composition';
import { ROUTER_COMPATIBILITY_VERSION_ONE, federateSubgraphs } from '@wundergraph/composition';
import { parse } from 'graphql';
import { ask, dataOf } from '../lib/graph.mjs';
import { neighbours, serveNeighbour } from '../lib/neighbour.mjs';
import { SUBGRAPH } from '../lib/places.mjs';
import { countingProxy } from '../lib/proxy.mjs';
import { ROUTERS } from '../lib/routers.mjs';

export const title = 'composed with neighbours, and served by routers';

const MISSING = 'nobody/nothing';
const sdl = readFileSync(SUBGRAPH, 'utf8');

const COMPOSERS = {
  apollo(services) {
    const { errors = [], hints = [], supergraphSdl } = composeApollo(services);
    return { problems: [...errors, ...hints].map(String), supergraph: supergraphSdl };
  },
  guild(services) {
    const { errors = [], supergraphSdl } = composeGuild(services);
    return { problems: errors.map(String), supergraph: supergraphSdl };
  },
  wundergraph(services) {
    const { success, errors = [], warnings = [] } = federateSubgraphs({
      version: ROUTER_COMPATIBILITY_VERSION_ONE,
      subgraphs: services.map(({ name, url, typeDefs }) => ({ name, url, definitions: typeDefs })),
    });
    return { problems: [...(success ? [] : errors), ...warnings].map(String) };
  },
};

/** Compose; returns the supergraph if the composer prints one, and throws errors and hints. */
function compose(composer, variant, urls) {
  const { problems, supergraph } = COMPOSERS[composer]([
    { name: 'catalograph', url: urls.catalograph, typeDefs: parse(sdl) },
    { name: 'neighbour', url: urls.neighbour, typeDefs: parse(neighbours[variant]) },
  ]);
  if (problems.length) throw new Error(problems.join('\n'));
  return supergraph;
}

const ENTITIES = `query($keys: [_Any!]!) {
  _entities(representations: $keys) { __typename ... on Node { id } ... on Model { modelId } }
}`;

async function entities(url, keys) {
  return (await dataOf(url, ENTITIES, { keys }))._entities;
}

export default async function ({ url, check }) {
  const nowhere = { catalograph: 'http://catalograph.invalid', neighbour: 'http://neighbour.invalid' };
  for (const composer of Object.keys(COMPOSERS)) {
    for (const variant of Object.keys(neighbours)) {
      await check(`composed by ${composer} with a neighbour ${variant}`, () => {
        compose(composer, variant, nowhere);
      });
    }
  }

  await check('_service gives the committed subgraph schema', async () => {
    assert.equal((await dataOf(url, '{ _service { sdl } }'))._service.sdl, sdl);
  });

  const { models } = await dataOf(url, '{ models(limit: 5) { nodes { id modelId name } } }');
  const byModelId = ({ modelId }) => ({ __typename: 'Model', modelId });
  const byId = ({ id }) => ({ __typename: 'Model', id });
  const answer = ({ id, modelId }) => ({ __typename: 'Model', id, modelId });

  await check('entities by either key: order and repeats kept, null where there is none', async () => {
    const [a, b, c] = models.nodes;
    const keys = [byModelId(c), byId(a), byModelId(c), byModelId({ modelId: MISSING }), byId(b)];
    assert.deepEqual(await entities(url, keys), [answer(c), answer(a), answer(c), null, answer(b)]);
    assert.deepEqual(await entities(url, []), []);
  });

  await check('entities of every type, by every key', async () => {
    const found = await dataOf(url, `{
      providers(limit: 3) { nodes { __typename id providerId } }
      endpoints(limit: 3) { nodes { __typename id endpointId } }
      organisations(limit: 3) { nodes { __typename id organisationId } }
      models(limit: 3) { nodes { offerings { __typename id } } }
    }`);
    const all = [
      ...found.providers.nodes, ...found.endpoints.nodes, ...found.organisations.nodes,
      ...found.models.nodes.flatMap(({ offerings }) => offerings),
    ];
    const keys = all.flatMap(({ __typename, id, ...natural }) =>
      [{ id }, natural].filter((key) => Object.keys(key).length).map((key) => ({ __typename, ...key })));
    const expected = all.flatMap(({ __typename, id, ...natural }) =>
      Array(1 + Object.keys(natural).length).fill({ __typename, id }));
    assert.deepEqual(await entities(url, keys), expected);
    return `${keys.length} keys`;
  });

  const proxy = await countingProxy(url);
  const neighbour = await serveNeighbour(models.nodes.map(({ modelId }) => modelId));
  const urls = { catalograph: proxy.url, neighbour: neighbour.url };
  for (const [name, { composer, serve }] of Object.entries(ROUTERS)) {
    await check(`served by ${name}: crossed both ways, one _entities call a crossing`, async () => {
      const router = await serve(composer && compose(composer, 'that extends Model', urls), urls);
      try {
        const there = await dataOf(router.url, '{ models(limit: 5) { nodes { name rating { count } } } }');
        assert.deepEqual(
          there.models.nodes,
          models.nodes.map(({ name, modelId }) => ({ name, rating: { count: modelId.length } })),
        );

        proxy.requests.length = 0;
        const back = await dataOf(router.url, '{ topRated { modelId name rating { count } } }');
        assert.deepEqual(
          back.topRated,
          models.nodes.map(({ name, modelId }) => ({ modelId, name, rating: { count: modelId.length } })),
        );
        const crossings = proxy.requests.filter((body) => body.includes('_entities'));
        assert.equal(crossings.length, 1, `_entities was called ${crossings.length} times`);

        const { data } = await ask(router.url, `{ rated(modelId: "${MISSING}") { modelId name } }`);
        assert.deepEqual(data, { rated: { modelId: MISSING, name: null } });
      } finally {
        await router.stop();
      }
    });
  }
  neighbour.stop();
  proxy.stop();
}
