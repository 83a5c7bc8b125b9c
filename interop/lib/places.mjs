// Paths of files and folders.
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

export const ROOT = at('../..');
export const INTEROP = at('..');
export const CLIENTS = at('../clients');
export const SCHEMA = at('../../schema.graphql');
export const SUBGRAPH = at('../../examples/federation/catalograph.graphql');
export const EXAMPLE = at('../../examples/federation');
