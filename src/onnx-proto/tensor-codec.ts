import { create } from '@bufbuild/protobuf';
import { EspalierError } from '../errors.js';
import { type DType, elementCount, type Tensor, type TensorData } from '../graph/tensor.js';
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './half.js';
import {
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  type TensorProto,
  TensorProtoSchema,
} from './onnx_pb.js';

/** How one ONNX element type is stored, and which IR dtype holds its values without loss. */
interface Storage {
  readonly dtype: DType;
  readonly bytes: number;
  /** Reads `rawData`, given as a buffer of its own. */
  raw(buffer: ArrayBuffer): TensorData;
  /** Reads the typed field that ONNX prescribes for the type. */
  typed(t: TensorProto): TensorData;
}

/** Unsigned 64-bit values are held as int64; those that don't fit are refused. */
function uint64ToInt64(values: ArrayLike<bigint>): BigInt64Array {
  const out = new BigInt64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    if (values[i] > 0x7fffffffffffffffn) throw new RangeError(`the uint64 value ${values[i]} does not fit into int64`);
    out[i] = values[i];
  }
  return out;
}

const toInt64 = (v: number): bigint => BigInt(v);

const STORAGE: Partial<Record<DataType, Storage>> = {
  [DataType.FLOAT]: {
    dtype: 'float32',
    bytes: 4,
    raw: (b) => new Float32Array(b),
    typed: (t) => Float32Array.from(t.floatData),
  },
  [DataType.DOUBLE]: {
    dtype: 'float64',
    bytes: 8,
    raw: (b) => new Float64Array(b),
    typed: (t) => Float64Array.from(t.doubleData),
  },
  [DataType.FLOAT16]: {
    dtype: 'float32',
    bytes: 2,
    raw: (b) => float16ToFloat32(new Uint16Array(b)),
    typed: (t) => float16ToFloat32(Uint16Array.from(t.int32Data)),
  },
  [DataType.BFLOAT16]: {
    dtype: 'float32',
    bytes: 2,
    raw: (b) => bfloat16ToFloat32(new Uint16Array(b)),
    typed: (t) => bfloat16ToFloat32(Uint16Array.from(t.int32Data)),
  },
  [DataType.INT64]: {
    dtype: 'int64',
    bytes: 8,
    raw: (b) => new BigInt64Array(b),
    typed: (t) => BigInt64Array.from(t.int64Data),
  },
  [DataType.UINT64]: {
    dtype: 'int64',
    bytes: 8,
    raw: (b) => uint64ToInt64(new BigUint64Array(b)),
    typed: (t) => uint64ToInt64(t.uint64Data),
  },
  [DataType.UINT32]: {
    dtype: 'int64',
    bytes: 4,
    raw: (b) => BigInt64Array.from(Array.from(new Uint32Array(b), toInt64)),
    typed: (t) => uint64ToInt64(t.uint64Data),
  },
  [DataType.INT32]: {
    dtype: 'int32',
    bytes: 4,
    raw: (b) => new Int32Array(b),
    typed: (t) => Int32Array.from(t.int32Data),
  },
  [DataType.INT16]: {
    dtype: 'int32',
    bytes: 2,
    raw: (b) => Int32Array.from(new Int16Array(b)),
    typed: (t) => Int32Array.from(t.int32Data),
  },
  [DataType.UINT16]: {
    dtype: 'int32',
    bytes: 2,
    raw: (b) => Int32Array.from(new Uint16Array(b)),
    typed: (t) => Int32Array.from(t.int32Data),
  },
  [DataType.INT8]: {
    dtype: 'int32',
    bytes: 1,
    raw: (b) => Int32Array.from(new Int8Array(b)),
    typed: (t) => Int32Array.from(t.int32Data),
  },
  [DataType.UINT8]: {
    dtype: 'uint8',
    bytes: 1,
    raw: (b) => new Uint8Array(b),
    typed: (t) => Uint8Array.from(t.int32Data),
  },
  [DataType.BOOL]: {
    dtype: 'bool',
    bytes: 1,
    raw: (b) => new Uint8Array(b),
    typed: (t) => Uint8Array.from(t.int32Data),
  },
};

/** The ONNX element type that stores an IR dtype as it is. */
export const DATA_TYPES: Readonly<Record<DType, DataType>> = {
  float32: DataType.FLOAT,
  float64: DataType.DOUBLE,
  int32: DataType.INT32,
  int64: DataType.INT64,
  uint8: DataType.UINT8,
  bool: DataType.BOOL,
};

/** The IR dtype that holds an ONNX element type; undefined for strings, complex numbers and types after IR 8. */
export function findDType(dataType: number): DType | undefined {
  return STORAGE[dataType as DataType]?.dtype;
}

function typeName(dataType: number): string {
  return DataType[dataType] ?? `type ${dataType}`;
}

/**
 * Reads a TensorProto whose data are inline, raw or typed. float16 and bfloat16 become float32; int8, int16 and uint16
 * become int32; uint32 and uint64 become int64.
 * @throws EspalierError MODEL_INVALID for other element types, data in another file, or data that don't fill the shape.
 */
export function decodeTensor(proto: TensorProto): Tensor {
  const where = proto.name === '' ? 'a tensor' : `tensor ${proto.name}`;
  const storage = STORAGE[proto.dataType as DataType];
  if (!storage) throw new EspalierError('MODEL_INVALID', `${where} is of ${typeName(proto.dataType)}: not supported`);
  if (proto.dataLocation === DataLocation.EXTERNAL) {
    const file = proto.externalData.find((e) => e.key === 'location')?.value ?? 'a file it does not name';
    throw new EspalierError('MODEL_INVALID', `${where} keeps its data outside the model, in ${file}: not supported`);
  }
  const shape = proto.dims.map(Number);
  const count = elementCount(shape);
  if (shape.some((d) => d < 0) || !Number.isSafeInteger(count)) {
    throw new EspalierError('SHAPE_OVERFLOW', `${where} has the shape [${shape}]`);
  }
  const { rawData } = proto;
  // An empty tensor has neither raw nor typed data.
  const isRaw = rawData.length > 0;
  if (isRaw && rawData.length !== count * storage.bytes) {
    const expected = `[${shape}] of ${typeName(proto.dataType)} needs ${count * storage.bytes}`;
    throw new EspalierError('MODEL_INVALID', `${where} has ${rawData.length} bytes of data, ${expected}`);
  }
  let data: TensorData;
  try {
    data = isRaw ? storage.raw(new Uint8Array(rawData).buffer) : storage.typed(proto);
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new EspalierError('MODEL_INVALID', `${where}: ${detail}`, { cause });
  }
  if (data.length !== count) {
    throw new EspalierError('MODEL_INVALID', `${where} has ${data.length} elements, [${shape}] needs ${count}`);
  }
  return { dtype: storage.dtype, shape, data };
}

function bytesOf(data: TensorData | Uint16Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
}

/**
 * Writes a tensor with raw data, sharing its memory where no conversion is needed.
 * @param dataType another element type to store float32 in: FLOAT16 or BFLOAT16.
 */
export function encodeTensor(name: string, t: Tensor, dataType: DataType = DATA_TYPES[t.dtype]): TensorProto {
  let rawData: Uint8Array<ArrayBuffer>;
  if (dataType === DATA_TYPES[t.dtype]) rawData = bytesOf(t.data);
  else if (t.data instanceof Float32Array && dataType === DataType.FLOAT16) rawData = bytesOf(float32ToFloat16(t.data));
  else if (t.data instanceof Float32Array && dataType === DataType.BFLOAT16) {
    rawData = bytesOf(float32ToBfloat16(t.data));
  } else throw new Error(`tensor ${name} of ${t.dtype} can not be stored as ${typeName(dataType)}`);
  return create(TensorProtoSchema, { name, dims: t.shape.map(BigInt), dataType, rawData });
}
