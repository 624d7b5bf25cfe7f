import { EspalierError } from '../errors.js';
import { float16ToFloat32 } from '../onnx-proto/half.js';

export type RawData =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** A NumPy array in the element type that the file has (float16 as float32), C order. */
export interface NpyArray {
  readonly dtype: string;
  readonly kind: 'integer' | 'float' | 'bool';
  readonly shape: readonly number[];
  readonly data: RawData;
}

interface ArrayType {
  new (buffer: ArrayBuffer, byteOffset: number, length: number): RawData;
  readonly BYTES_PER_ELEMENT: number;
}

/** NumPy's type strings without the byte order: name, kind, storage. */
const TYPES: Readonly<Record<string, { name: string; kind: NpyArray['kind']; storage: ArrayType }>> = {
  b1: { name: 'bool', kind: 'bool', storage: Uint8Array },
  u1: { name: 'uint8', kind: 'integer', storage: Uint8Array },
  i1: { name: 'int8', kind: 'integer', storage: Int8Array },
  u2: { name: 'uint16', kind: 'integer', storage: Uint16Array },
  i2: { name: 'int16', kind: 'integer', storage: Int16Array },
  u4: { name: 'uint32', kind: 'integer', storage: Uint32Array },
  i4: { name: 'int32', kind: 'integer', storage: Int32Array },
  u8: { name: 'uint64', kind: 'integer', storage: BigUint64Array },
  i8: { name: 'int64', kind: 'integer', storage: BigInt64Array },
  f2: { name: 'float16', kind: 'float', storage: Uint16Array },
  f4: { name: 'float32', kind: 'float', storage: Float32Array },
  f8: { name: 'float64', kind: 'float', storage: Float64Array },
};

const MAGIC = '\x93NUMPY';
/** NumPy's own bound on the length of a header that it reads without being told to trust the file. */
const MAX_HEADER = 10_000;

/**
 * Reads an `.npy` file (format versions 1 to 3, as in NumPy's `numpy.lib.format`).
 * @param what the array's name, for errors
 * @throws EspalierError DATASET_INVALID for a damaged header, a type that is no number, or a wrong length
 */
export function parseNpy(bytes: Uint8Array, what: string): NpyArray {
  const fail = (message: string): never => {
    throw new EspalierError('DATASET_INVALID', `${what}: ${message}`);
  };
  const latin1 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || latin1.toString('latin1', 0, 6) !== MAGIC) return fail('it is no .npy file');
  const version = bytes[6];
  if (version < 1 || version > 3) return fail(`.npy format version ${version}; 1 to 3 are read`);
  const headerStart = version === 1 ? 10 : 12;
  const headerLength = version === 1 ? latin1.readUInt16LE(8) : latin1.readUInt32LE(8);
  const dataStart = headerStart + headerLength;
  if (headerLength > MAX_HEADER || dataStart > bytes.length) return fail(`a header of ${headerLength} bytes`);

  const header = latin1.toString(version === 3 ? 'utf8' : 'latin1', headerStart, dataStart);
  const descr = /'descr':\s*'([<>|=])([a-zA-Z])(\d*)'/.exec(header);
  const order = /'fortran_order':\s*(True|False)/.exec(header);
  const shapeText = /'shape':\s*\(([\d,\s]*)\)/.exec(header);
  if (!descr || !order || !shapeText) return fail(`the header is not of plain numbers: ${header.trim()}`);
  const [, byteOrder, letter, size] = descr;
  if (letter === 'O') return fail('it holds Python objects, which are never unpickled');
  const type = TYPES[letter + size];
  if (!type) return fail(`element type ${letter}${size}; read are ${Object.keys(TYPES).join(', ')}`);

  const shape = shapeText[1]
    .split(',')
    .map((d) => d.trim())
    .filter((d) => d !== '')
    .map(Number);
  const count = shape.reduce((n, d) => n * d, 1);
  const expected = count * Number(size);
  if (bytes.length - dataStart !== expected) {
    return fail(`shape [${shape}] of ${type.name} needs ${expected} bytes, found ${bytes.length - dataStart}`);
  }
  const stored = readPayload(latin1.subarray(dataStart), type.storage, byteOrder === '>');
  const values = letter === 'f' && size === '2' ? float16ToFloat32(stored as Uint16Array) : stored;
  const data = order[1] === 'True' ? toCOrder(values, shape) : values;
  return { dtype: type.name, kind: type.kind, shape, data };
}

/** The elements in this machine's byte order: a view of the bytes where they stand at a multiple of their size. */
function readPayload(bytes: Buffer, storage: ArrayType, bigEndian: boolean): RawData {
  const size = storage.BYTES_PER_ELEMENT;
  if (size > 1 && bigEndian) return readPayload(swapBytes(Buffer.from(bytes), size), storage, false);
  const isAligned = bytes.byteOffset % size === 0;
  const { buffer, byteOffset } = isAligned ? bytes : new Uint8Array(bytes);
  return new storage(buffer as ArrayBuffer, byteOffset, bytes.length / size);
}

function swapBytes(bytes: Buffer, size: number): Buffer {
  if (size === 2) return bytes.swap16();
  return size === 4 ? bytes.swap32() : bytes.swap64();
}

function toCOrder(data: RawData, shape: readonly number[]): RawData {
  const source = data as Float32Array;
  const target = source.slice();
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((n, d) => n * d, 1));
  const index = new Array<number>(shape.length).fill(0);
  let offset = 0;
  for (let i = 0; i < target.length; i++) {
    target[i] = source[offset];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      offset += strides[axis];
      if (++index[axis] < shape[axis]) break;
      offset -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return target;
}
