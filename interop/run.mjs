// Starts catalograph with its embedded catalogue, and runs real clients and tools against it.
//
// node run.mjs [suite …]   default: all suites
//
// CATALOGRAPH  the command; default: `catalograph`
// PYTHON       an interpreter with requirements.txt installed; default: `python3`
// SCHEMA_BASE  the git commit with whose schema.graphql the current one is compared
import { Checks } from './lib/checks.mjs';
import { freePort, ready, start } from './lib/processes.mjs';

// No cloud detection of libraries, and no telemetry of gateways: tests must not use the network.
process.env.METADATA_SERVER_DETECTION = 'none';
process.env.APOLLO_TELEMETRY_DISABLED = 'true';

const SUITES = [
  'http', 'persisted', 'apollo', 'urql', 'relay', 'codegen', 'python', 'curl',
  'federation', 'registries', 'example', 'lint', 'changes',
];

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !SUITES.includes(name));
if (unknown.length) {
  console.error(`no suite ${unknown.join(', ')}; there are ${SUITES.join(', ')}`);
  process.exit(2);
}

const began = Date.now();
const command = process.env.CATALOGRAPH ?? 'catalograph';
const port = await freePort();
const base = `http://127.0.0.1:${port}`;
const gateway = start(command, ['serve', '--demo', '--port', String(port)]);
await ready(`${base}/readyz`, gateway);

const checks = new Checks();
for (const name of asked.length ? asked : SUITES) {
  const { title, default: suite } = await import(`./suites/${name}.mjs`);
  checks.head(`${name}: ${title}`);
  await suite({ base, url: `${base}/graphql`, command, check: checks.check });
}
await gateway.stop();

console.log(`\n${checks.passed} passed, ${checks.failed} failed in ${Math.round((Date.now() - began) / 1000)} s`);
process.exit(checks.failed ? 1 : 0);
