import { type DType, type Tensor, tensor } from '../../graph/tensor.js';
import {
  TensorProto_DataType as DataType,
  decodeTensor,
  encodeTensor,
  findDType,
  type TensorProto,
} from '../../onnx-proto/index.js';

/**
 * The IR dtype in which an ONNX element type is computed. Floats of every width are float32, which all engines have;
 * what is written is in the file's own type again. Undefined for types that the IR doesn't have.
 */
export function computedDType(elementType: number): DType | undefined {
  const dtype = findDType(elementType);
  return dtype === 'float64' ? 'float32' : dtype;
}

/** `FLOAT16`, for messages. */
export function elementTypeName(elementType: number): string {
  return DataType[elementType] ?? `type ${elementType}`;
}

/** A tensor of the file as the IR computes with it. @throws EspalierError as {@link decodeTensor} says */
export function decodeComputed(proto: TensorProto): Tensor {
  const found = decodeTensor(proto);
  return found.dtype === 'float64'
    ? tensor('float32', found.shape, Float32Array.from(found.data as Float64Array))
    : found;
}

/** A tensor of the IR in a type of the file. */
export function encodeAs(name: string, found: Tensor, elementType: DataType): TensorProto {
  if (elementType !== DataType.DOUBLE || found.dtype !== 'float32') return encodeTensor(name, found, elementType);
  return encodeTensor(name, tensor('float64', found.shape, Float64Array.from(found.data as Float32Array)));
}

/** Float types that hold less than the IR's float32. */
export const ROUNDING_TYPES: ReadonlySet<number> = new Set([DataType.FLOAT16, DataType.BFLOAT16]);
