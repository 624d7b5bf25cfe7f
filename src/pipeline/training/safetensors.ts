/**
 * The safetensors file layout: eight bytes with the header's length, a JSON header, then the tensors' bytes, little
 * endian. Checkpoints use it so that any tool can open them. Spec: https://github.com/huggingface/safetensors#format
 */
import { DTYPE_BYTES, type DType, elementCount, type Tensor, tensor } from '../../graph/tensor.js';

const NAMES: Readonly<Record<DType, string>> = {
  float32: 'F32',
  float64: 'F64',
  int32: 'I32',
  int64: 'I64',
  uint8: 'U8',
  bool: 'BOOL',
};
const DTYPES = new Map(Object.entries(NAMES).map(([dtype, name]) => [name, dtype as DType]));

interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** Encodes tensors and string metadata into one file's bytes. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const header: Record<string, HeaderEntry | Readonly<Record<string, string>>> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, t] of tensors) {
    const end = offset + t.data.byteLength;
    header[name] = { dtype: NAMES[t.dtype], shape: t.shape, data_offsets: [offset, end] };
    offset = end;
  }
  let json = JSON.stringify(header);
  json += ' '.repeat((8 - (Buffer.byteLength(json) % 8)) % 8);
  const head = Buffer.from(json);
  const bytes = new Uint8Array(8 + head.length + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(head.length), true);
  bytes.set(head, 8);
  let at = 8 + head.length;
  for (const t of tensors.values()) {
    bytes.set(new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength), at);
    at += t.data.byteLength;
  }
  return bytes;
}

/** The inverse of {@link encodeSafetensors}. @throws Error saying where the bytes stop making sense. */
export function decodeSafetensors(bytes: Uint8Array): {
  tensors: Map<string, Tensor>;
  metadata: Readonly<Record<string, string>>;
} {
  if (bytes.length < 8) throw new Error(`safetensors: ${bytes.length} bytes, a header needs 8`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (8 + length > bytes.length) throw new Error(`safetensors: header of ${length} bytes in a file of ${bytes.length}`);
  const header = JSON.parse(Buffer.from(bytes.subarray(8, 8 + length)).toString()) as Record<string, HeaderEntry>;
  const tensors = new Map<string, Tensor>();
  let metadata: Readonly<Record<string, string>> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') {
      metadata = entry as unknown as Readonly<Record<string, string>>;
      continue;
    }
    const dtype = DTYPES.get(entry.dtype);
    if (!dtype) throw new Error(`safetensors: ${name} has dtype ${entry.dtype}`);
    const [start, end] = entry.data_offsets;
    const count = elementCount(entry.shape);
    if (end - start !== count * DTYPE_BYTES[dtype] || 8 + length + end > bytes.length) {
      throw new Error(`safetensors: ${name} of shape [${entry.shape}] has ${end - start} bytes`);
    }
    // Copied, so that the data are aligned for their type.
    const own = new Uint8Array(bytes.subarray(8 + length + start, 8 + length + end)).buffer;
    tensors.set(name, tensor(dtype, entry.shape, viewOf(dtype, own)));
  }
  return { tensors, metadata };
}

function viewOf(dtype: DType, buffer: ArrayBuffer): Tensor['data'] {
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer);
    case 'float64':
      return new Float64Array(buffer);
    case 'int32':
      return new Int32Array(buffer);
    case 'int64':
      return new BigInt64Array(buffer);
    default:
      return new Uint8Array(buffer);
  }
}
