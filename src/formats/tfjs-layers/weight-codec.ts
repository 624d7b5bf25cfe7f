import { EspalierError } from '../../errors.js';
import { float16ToFloat32, float32ToFloat16 } from '../../onnx-proto/half.js';
import { isObject, type JsonObject, own, show } from './json.js';

/** How a float32 weight's numbers stand in a shard. Little endian, as TensorFlow.js reads on every machine it runs on. */
export interface Encoding {
  readonly kind: 'float32' | 'float16' | 'uint8' | 'uint16';
  readonly bytesPerValue: number;
  decode(bytes: Uint8Array): Float32Array;
  /** The bytes, and the manifest entry's new `quantization` where it has one. */
  encode(values: Float32Array): { bytes: Uint8Array; quantization?: JsonObject };
}

export const FLOAT32: Encoding = {
  kind: 'float32',
  bytesPerValue: 4,
  // A view where the bytes are aligned: large models must not be held twice.
  decode: (bytes) =>
    bytes.byteOffset % 4 === 0
      ? new Float32Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / 4)
      : new Float32Array(aligned(bytes)),
  encode: (values) => ({ bytes: bytesOf(values) }),
};

/** Bytes of one value of the other dtypes that a manifest may name; no layer here has such weights. */
export const OTHER_DTYPES: ReadonlyMap<unknown, number> = new Map([
  ['int32', 4],
  ['bool', 1],
  ['complex64', 8],
]);

/**
 * The encoding of a float32 entry of a weights manifest.
 * @throws EspalierError MODEL_INVALID naming the weight for a quantization that TensorFlow.js doesn't have
 */
export function encodingOf(entry: JsonObject, name: string): Encoding {
  const quantization = own(entry, 'quantization');
  if (quantization === undefined) return FLOAT32;
  const fields = isObject(quantization) ? quantization : {};
  const dtype = own(fields, 'dtype');
  if (dtype === 'float16') return float16(fields);
  const [scale, min] = [own(fields, 'scale'), own(fields, 'min')];
  if ((dtype === 'uint8' || dtype === 'uint16') && typeof scale === 'number' && typeof min === 'number') {
    return affine(dtype, scale, min, fields);
  }
  throw new EspalierError('MODEL_INVALID', `weight ${name} has quantization ${show(quantization)}`);
}

function float16(fields: JsonObject): Encoding {
  return {
    kind: 'float16',
    bytesPerValue: 2,
    decode: (bytes) => float16ToFloat32(new Uint16Array(aligned(bytes))),
    encode: (values) => ({ bytes: bytesOf(float32ToFloat16(values)), quantization: fields }),
  };
}

function affine(kind: 'uint8' | 'uint16', scale: number, min: number, fields: JsonObject): Encoding {
  const Storage = kind === 'uint8' ? Uint8Array : Uint16Array;
  const steps = kind === 'uint8' ? 255 : 65535;
  return {
    kind,
    bytesPerValue: Storage.BYTES_PER_ELEMENT,
    decode: (bytes) => Float32Array.from(new Storage(aligned(bytes)), (v) => v * scale + min),
    encode: (values) => {
      const codes = new Storage(values.length);
      const range = isOnGrid(values, scale, min, steps) ? { scale, min } : quantizationRange(values, steps);
      for (let i = 0; i < codes.length; i++) codes[i] = codeOf(values[i], range.scale, range.min, steps);
      return { bytes: bytesOf(codes), quantization: { ...fields, ...range } };
    },
  };
}

function codeOf(value: number, scale: number, min: number, steps: number): number {
  return Math.min(steps, Math.max(0, Math.round((value - min) / scale)));
}

/** Whether every value is one that a code of this range stands for: weights that were only sliced lose nothing then. */
function isOnGrid(values: Float32Array, scale: number, min: number, steps: number): boolean {
  return values.every((value) => Math.fround(codeOf(value, scale, min, steps) * scale + min) === value);
}

/** As TensorFlow.js's converter: the values' range, moved so that zero keeps a code of its own. */
function quantizationRange(values: Float32Array, steps: number): { scale: number; min: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const v of values) {
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  if (values.length === 0) return { scale: 1, min: 0 };
  if (low === high) return { scale: 1, min: low };
  const scale = (high - low) / steps;
  return { scale, min: low <= 0 && high >= 0 ? -Math.round(-low / scale) * scale : low };
}

function aligned(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}

function bytesOf(values: Float32Array | Uint16Array | Uint8Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
