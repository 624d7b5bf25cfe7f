import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import yazl from 'yazl';

const DESCRIPTORS = { uint8: '|u1', int32: '<i4', int64: '<i8', float32: '<f4', float64: '<f8' } as const;

export interface NpyArray {
  readonly dtype: keyof typeof DESCRIPTORS;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
}

/**
 * One array in NPY format 1.0 (numpy.lib.format).
 * @param descr NumPy's name of the type, with the byte order
 */
export function npyFile(
  descr: string,
  shape: readonly number[],
  data: ArrayBufferView,
  { fortran = false }: { fortran?: boolean } = {},
): Buffer {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dict = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${tuple}), }`;
  const padded = `${dict.padEnd(Math.ceil((dict.length + 11) / 64) * 64 - 11)}\n`;
  const head = Buffer.alloc(10);
  head.write('\x93NUMPY\x01', 'latin1');
  head.writeUInt16LE(padded.length, 8);
  const { buffer, byteOffset, byteLength } = data;
  return Buffer.concat([head, Buffer.from(padded, 'latin1'), Buffer.from(buffer, byteOffset, byteLength)]);
}

/** Writes what `numpy.savez_compressed(path, **arrays)` would. */
export async function writeNpz(path: string, arrays: Readonly<Record<string, NpyArray>>): Promise<void> {
  const zip = new yazl.ZipFile();
  for (const [name, { dtype, shape, data }] of Object.entries(arrays)) {
    zip.addBuffer(npyFile(DESCRIPTORS[dtype], shape, data), `${name}.npy`);
  }
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(path));
}
