import type { DType } from '../../graph/tensor.js';

/**
 * Dtypes that onnxruntime has no kernel for in an op, and the one that its inputs are cast to and its result from. It holds
 * every number of the other exactly (of int64 those below 2^53), and computes the same.
 */
const STAND_INS: Readonly<Record<string, Partial<Readonly<Record<DType, DType>>>>> = {
  Relu: { int64: 'float64', uint8: 'int32' },
  MaxPool: { int32: 'float64', int64: 'float64' },
  ReduceSum: { uint8: 'int32' },
  ReduceMean: { uint8: 'int32' },
  Where: { bool: 'uint8' },
};

/** The dtype that an op on this one is computed in, where it is another. */
export function standIn(op: string, dtype: DType): DType | undefined {
  return Object.hasOwn(STAND_INS, op) ? STAND_INS[op][dtype] : undefined;
}
