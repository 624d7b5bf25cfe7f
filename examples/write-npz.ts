import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import yazl from 'yazl';

const DESCRIPTORS = { uint8: '|u1', int32: '<i4', int64: '<i8', float32: '<f4', float64: '<f8' } as const;

export interface NpyArray {
  readonly dtype: keyof typeof DESCRIPTORS;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
}

/** One array in NPY format 1.0, C order (numpy.lib.format). */
export function encodeNpy(array: NpyArray): Buffer {
  const shape = array.shape.length === 1 ? `${array.shape[0]},` : array.shape.join(', ');
  const dict = `{'descr': '${DESCRIPTORS[array.dtype]}', 'fortran_order': False, 'shape': (${shape}), }`;
  const padded = dict.padEnd(Math.ceil((dict.length + 11) / 64) * 64 - 11, ' ');
  const head = Buffer.alloc(10);
  head.write('\x93NUMPY', 'latin1');
  head[6] = 1;
  head.writeUInt16LE(padded.length + 1, 8);
  const { buffer, byteOffset, byteLength } = array.data;
  return Buffer.concat([head, Buffer.from(`${padded}\n`), Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)]);
}

/** Writes what `numpy.savez_compressed(path, **arrays)` would. */
export async function writeNpz(path: string, arrays: Readonly<Record<string, NpyArray>>): Promise<void> {
  const zip = new yazl.ZipFile();
  for (const [name, array] of Object.entries(arrays)) zip.addBuffer(encodeNpy(array), `${name}.npy`);
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(path));
}
