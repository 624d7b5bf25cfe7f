import type { Buffer, View } from './view.js';

/** A place in memory that an instruction reads or writes. */
export interface Reference {
  readonly buffer: Buffer;
  /** In bytes. */
  readonly offset: number;
}

/** One word of an instruction: a number, an operand, or an operand that is absent. */
export type Word = number | Reference | undefined;

/** One instruction before its operands have addresses. */
export interface Instruction {
  /** A name of the addon's list of operations. */
  readonly operation: string;
  readonly words: readonly Word[];
  readonly reads: readonly Buffer[];
  readonly writes: readonly Buffer[];
  /** Pairs of a buffer that is read and one that is written, which may be one and the same. */
  readonly inPlace: readonly (readonly [read: Buffer, written: Buffer])[];
  /** What it computes, for profiles. */
  readonly label: string;
}

const BYTES: Readonly<Record<View['dtype'], number>> = {
  float32: 4,
  float64: 8,
  int32: 4,
  int64: 8,
  uint8: 1,
  bool: 1,
};

export const dtypeBytes = (dtype: View['dtype']): number => BYTES[dtype];

/** The address of a view's first element. */
export const reference = (view: View): Reference => ({
  buffer: view.buffer,
  offset: view.offset * dtypeBytes(view.dtype),
});

/** kernels/program.h's numbers of dtypes. */
export const DTYPE_CODES: Readonly<Record<View['dtype'], number>> = {
  float32: 0,
  float64: 1,
  int32: 2,
  int64: 3,
  uint8: 4,
  bool: 5,
};
