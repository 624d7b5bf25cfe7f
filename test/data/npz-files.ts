import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeZip } from '../../src/archive/index.js';

export async function writeArrays(
  arrays: Readonly<Record<string, Uint8Array>>,
  options: { compress?: boolean } = {},
): Promise<string> {
  const path = join(mkdtempSync(join(tmpdir(), 'espalier-data-')), 'data.npz');
  await writeZip(new Map(Object.entries(arrays).map(([name, bytes]) => [`${name}.npy`, bytes])), path, options);
  return path;
}
