import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What pruned: compiled sources, and the native engine's. */
const DIST = fileURLToPath(new URL('../../../src', import.meta.url));
const NATIVE = fileURLToPath(new URL('../../../../src/engine/native', import.meta.url));
const CODE = /\.(js|mjs|c|h)$/;

/** A name of the code that rows are measured with: rows of other code are not mixed with them. */
export function buildName(): string {
  const hash = createHash('sha256');
  for (const folder of [DIST, NATIVE]) {
    for (const path of codeIn(folder)) hash.update(`${relative(folder, path)}\n`).update(readFileSync(path));
  }
  return hash.digest('hex').slice(0, 12);
}

function codeIn(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  const paths = entries.filter((entry) => entry.isFile() && CODE.test(entry.name));
  return paths.map(({ parentPath, name }) => join(parentPath, name)).sort();
}
