import type { GraphBuilder } from '../../src/graph/builder.js';
import type { Attrs, TensorSpec } from '../../src/graph/graph.js';
import { DTYPE_BYTES, type DType, elementCount, tensor } from '../../src/graph/tensor.js';
import type { Random } from './random.js';
import { anyShape } from './shapes.js';

/**
 * Makes a random graph around one op, its main operand of the given dtype: shapes, attributes, and whether its weights are
 * constants. Gives its outputs.
 */
export type Draw = (b: GraphBuilder, r: Random, dtype: DType) => string | readonly string[];

/** An op's graphs, and the dtypes of its main operand that the IR takes. */
export interface OpCase {
  readonly dtypes: readonly DType[];
  readonly draw: Draw;
  /** The op puts elements elsewhere as they are. */
  readonly moves?: true;
}
export type CaseTable = Readonly<Record<string, OpCase>>;

export const DTYPES = Object.keys(DTYPE_BYTES) as DType[];
export const FLOATS: readonly DType[] = ['float32', 'float64'];
export const INTEGERS: readonly DType[] = ['int32', 'int64', 'uint8'];
export const SIGNED: readonly DType[] = [...FLOATS, 'int32', 'int64'];
export const NUMBERS: readonly DType[] = [...FLOATS, ...INTEGERS];

export const floats = (draw: Draw): OpCase => ({ dtypes: FLOATS, draw });
export const integers = (draw: Draw): OpCase => ({ dtypes: INTEGERS, draw });
export const signed = (draw: Draw): OpCase => ({ dtypes: SIGNED, draw });
export const numbers = (draw: Draw): OpCase => ({ dtypes: NUMBERS, draw });
export const anyType = (draw: Draw): OpCase => ({ dtypes: DTYPES, draw });
export const moving = (draw: Draw): OpCase => ({ dtypes: DTYPES, draw, moves: true });

export type AttrsOf = (r: Random) => Attrs;

/** The op of one input of any shape. */
export const unary =
  (op: string, attrs: AttrsOf = () => ({})): Draw =>
  (b, r, dtype) =>
    b.op(op, [b.input('x', { dtype, shape: anyShape(r, 0) })], attrs(r));

/** A graph input, or a constant when `constant` says so. Weights may be either; the engine treats them differently. */
export function weight(
  b: GraphBuilder,
  r: Random,
  id: string,
  spec: TensorSpec & { readonly shape: readonly number[] },
  least = -1,
  most = 1,
): string {
  const { dtype, shape } = spec;
  if (r.int(0, 1) === 0 && least === -1) return b.input(id, spec);
  const isFloat = FLOATS.includes(dtype);
  const data = isFloat ? tensor(dtype, shape, r.floats(elementCount(shape), least, most)) : r.tensor(spec, 1);
  return b.constant(id, data, 'parameter');
}
