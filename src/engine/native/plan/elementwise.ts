import type { Node } from '../../../graph/graph.js';
import { numberAttr, optionalNumberAttr } from '../../../graph/ops/attributes.js';
import type { DType } from '../../../graph/tensor.js';
import type { Expression } from './expression.js';

/** Writes a node's operations: from the terms of its inputs, that of its output, which has the given dtype. */
export type Elementwise = (e: Expression, inputs: readonly number[], node: Node, dtype: DType) => number;

const INTEGERS: readonly DType[] = ['int32', 'int64', 'uint8'];

/** Whole numbers that may have left their range, as the dtype holds them; doubles are an int64 as far as they are whole. */
const held = (e: Expression, term: number, dtype: DType): number =>
  dtype === 'int32' || dtype === 'uint8' ? e.op(dtype, term) : term;

/** An operation whose results may leave the range of whole numbers. */
const arithmetic =
  (name: string): Elementwise =>
  (e, inputs, _node, dtype) =>
    held(e, e.op(name, ...inputs), dtype);

const plain =
  (name: string): Elementwise =>
  (e, inputs) =>
    e.op(name, ...inputs);

const where = (e: Expression, condition: number, yes: number, no: number): number => e.op('where', condition, yes, no);
const scale = (e: Expression, x: number, number: number): number => e.op('mul', x, e.literal(number));

function clip(e: Expression, x: number, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY): number {
  const raised = min === Number.NEGATIVE_INFINITY ? x : e.op('max', x, e.literal(min));
  return max === Number.POSITIVE_INFINITY ? raised : e.op('min', raised, e.literal(max));
}

/** x where it is not negative, else `below`. */
const unlessNegative = (e: Expression, x: number, below: number): number =>
  where(e, e.op('less', x, e.literal(0)), below, x);

const elu = (e: Expression, x: number, alpha: number): number =>
  unlessNegative(e, x, scale(e, e.op('expm1', x), alpha));

/** Exponents with a form of their own. */
const POWERS: ReadonlyMap<number, (e: Expression, x: number) => number> = new Map([
  [1, (_e, x) => x],
  [2, (e, x) => e.op('mul', x, x)],
  [3, (e, x) => e.op('mul', e.op('mul', x, x), x)],
  [0.5, (e, x) => e.op('sqrt', x)],
  [-1, (e, x) => e.op('reciprocal', x)],
]);

const power: Elementwise = (e, [x], node) => {
  const exponent = numberAttr(node, 'exponent', 1);
  return POWERS.get(exponent)?.(e, x) ?? e.op('pow', x, e.literal(exponent));
};

/** What a cast does before its result is stored or read. */
const CASTS: Readonly<Record<DType, string>> = {
  float32: 'copy',
  float64: 'copy',
  int32: 'int32',
  int64: 'int64',
  uint8: 'uint8',
  bool: 'truth',
};

const clipGrad: Elementwise = (e, [dy, x], node) => {
  const [min, max] = [optionalNumberAttr(node, 'min'), optionalNumberAttr(node, 'max')];
  const zero = e.literal(0);
  const above = min === undefined ? dy : where(e, e.op('greater', x, e.literal(min)), dy, zero);
  return max === undefined ? above : where(e, e.op('less', x, e.literal(max)), above, zero);
};

/** Ops whose every output element is made of the elements of its inputs there, broadcast. */
export const ELEMENTWISE: Readonly<Record<string, Elementwise>> = {
  Add: arithmetic('add'),
  Sub: arithmetic('sub'),
  Mul: (e, inputs, _node, dtype) => {
    // Of two int32 the product may be more than a double holds exactly.
    return dtype === 'int32' ? e.op('mul_int32', ...inputs) : held(e, e.op('mul', ...inputs), dtype);
  },
  Div: (e, [a, b], _node, dtype) => {
    const quotient = e.op('div', a, b);
    return INTEGERS.includes(dtype) ? held(e, e.op('int64', quotient), dtype) : quotient;
  },
  Min: plain('min'),
  Max: plain('max'),
  Equal: plain('equal'),
  Greater: plain('greater'),
  Less: plain('less'),
  Where: plain('where'),
  Cast: (e, [x], node) => e.op(CASTS[node.attrs.to as DType], x),
  Relu: plain('relu'),
  Neg: arithmetic('neg'),
  Abs: arithmetic('abs'),
  Exp: plain('exp'),
  Log: plain('log'),
  Sqrt: plain('sqrt'),
  Erf: plain('erf'),
  Tanh: plain('tanh'),
  Sigmoid: plain('sigmoid'),
  Softplus: plain('softplus'),
  Reciprocal: plain('reciprocal'),
  Pow: power,
  LeakyRelu: (e, [x], node) => unlessNegative(e, x, scale(e, x, numberAttr(node, 'alpha', 0.01))),
  PRelu: (e, [x, slope]) => unlessNegative(e, x, e.op('mul', slope, x)),
  Clip: (e, [x], node) => clip(e, x, optionalNumberAttr(node, 'min'), optionalNumberAttr(node, 'max')),
  Elu: (e, [x], node) => elu(e, x, numberAttr(node, 'alpha', 1)),
  ReluGrad: plain('pass'),
  LeakyReluGrad: (e, [dy, x], node) =>
    where(e, e.op('greater', x, e.literal(0)), dy, scale(e, dy, numberAttr(node, 'alpha', 0.01))),
  ClipGrad: clipGrad,
  SigmoidGrad: (e, [dy, y]) => e.op('mul', e.op('mul', dy, y), e.op('sub', e.literal(1), y)),
  TanhGrad: (e, [dy, y]) => e.op('mul', dy, e.op('sub', e.literal(1), e.op('mul', y, y))),
};
