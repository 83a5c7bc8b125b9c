// The files of clients/, which docs/clients.md shows, run as they are but for the address.
import { cpSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLIENTS, INTEROP } from './places.mjs';

const SHOWN = 'http://127.0.0.1:8000';

/** Copy a file or folder of clients/ to `.work/`, with the real address in it. */
export function prepare(name, base) {
  const copy = join(INTEROP, '.work', name);
  rmSync(copy, { recursive: true, force: true });
  cpSync(join(CLIENTS, name), copy, { recursive: true });
  for (const file of filesBelow(copy)) {
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(SHOWN, base));
  }
  return copy;
}

/** What the document says that a file of clients/ prints. */
export function expected(name) {
  return readFileSync(join(CLIENTS, name), 'utf8');
}

function filesBelow(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => filesBelow(join(path, name)));
}
