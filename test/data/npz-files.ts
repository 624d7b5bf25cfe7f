import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeZip } from '../../src/archive/index.js';

/** An `.npy` file as NumPy writes it (format version 1). `descr` is NumPy's, with the byte order. */
export function npy(
  descr: string,
  shape: readonly number[],
  data: ArrayBufferView,
  options: { fortran?: boolean } = {},
): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const dict = `{'descr': '${descr}', 'fortran_order': ${options.fortran ? 'True' : 'False'}, 'shape': ${tuple}, }`;
  const padded = `${dict.padEnd(Math.ceil((dict.length + 11) / 64) * 64 - 11)}\n`;
  const head = Buffer.alloc(10);
  head.write('\x93NUMPY\x01\x00', 'latin1');
  head.writeUInt16LE(padded.length, 8);
  return Buffer.concat([
    head,
    Buffer.from(padded, 'latin1'),
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  ]);
}

export async function writeArrays(
  arrays: Readonly<Record<string, Uint8Array>>,
  options: { compress?: boolean } = {},
): Promise<string> {
  const path = join(mkdtempSync(join(tmpdir(), 'espalier-data-')), 'data.npz');
  await writeZip(new Map(Object.entries(arrays).map(([name, bytes]) => [`${name}.npy`, bytes])), path, options);
  return path;
}
