// Runs the files of clients/, which docs/clients.md shows; only the address is replaced.
import { cpSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLIENTS, INTEROP } from './places.mjs';

const SHOWN = 'http://127.0.0.1:8000';

/** Copy a file or folder of clients/ to `.work/`, and replace the address in it. */
export function prepare(name, base) {
  const copy = join(INTEROP, '.work', name);
  rmSync(copy, { recursive: true, force: true });
  cpSync(join(CLIENTS, name), copy, { recursive: true });
  for (const file of filesBelow(copy)) {
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(SHOWN, base));
  }
  return copy;
}

/** Read the output that the documentation shows for a file of clients/. */
export function expected(name) {
  return readFileSync(join(CLIENTS, name), 'utf8');
}

function filesBelow(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => filesBelow(join(path, name)));
}
