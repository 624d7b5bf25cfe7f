import type { GraphBuilder } from '../../src/graph/builder.js';
import type { Attrs } from '../../src/graph/graph.js';
import { type DType, tensor } from '../../src/graph/tensor.js';
import {
  type AttrsOf,
  anyType,
  type CaseTable,
  type Draw,
  DTYPES,
  FLOATS,
  floats,
  integers,
  moving,
  numbers,
  signed,
  unary,
  weight,
} from './case-parts.js';
import type { Random } from './random.js';
import { anyShape, broadcastPair, knownShape } from './shapes.js';

const NO_ATTRS: AttrsOf = () => ({});

/** A function of one input, of any shape, that `prepare` changes first. */
const unaryOf =
  (op: string, prepare: (b: GraphBuilder, x: string, dtype: DType) => string, attrs: AttrsOf = NO_ATTRS): Draw =>
  (b, r, dtype) => {
    const x = b.input('x', { dtype, shape: anyShape(r, 0) });
    // Only floats are prepared, so that of another dtype it is this op that is asked.
    return b.op(op, [FLOATS.includes(dtype) ? prepare(b, x, dtype) : x], attrs(r));
  };

const literal = (b: GraphBuilder, dtype: DType, value: number): string =>
  b.constant('literal', tensor(dtype, [], [value]), 'literal');

/** Takes the absolute value first, for functions of positive numbers. */
const unaryOfPositive = (op: string): Draw => unaryOf(op, (b, x) => b.op('Abs', [x]));

/** Inputs from -8 to 8, where activations saturate and have their kinks. */
const wideUnary = (op: string, attrs: AttrsOf = NO_ATTRS): Draw =>
  unaryOf(op, (b, x, dtype) => b.op('Mul', [x, literal(b, dtype, 8)]), attrs);

/** Takes 0.2 plus the absolute value first. */
const unaryAwayFromZero = (op: string, attrs: AttrsOf = NO_ATTRS): Draw =>
  unaryOf(op, (b, x, dtype) => b.op('Add', [b.op('Abs', [x]), literal(b, dtype, 0.2)]), attrs);

const binary =
  (op: string): Draw =>
  (b, r, dtype) => {
    const [p, q] = broadcastPair(r);
    return b.op(op, [b.input('a', { dtype, shape: p }), b.input('b', { dtype, shape: q })]);
  };

/** By 1 plus a square; whole numbers by what is not zero, of either sign. */
const division: Draw = (b, r, dtype) => {
  const [p, q] = broadcastPair(r);
  const [a, c] = [b.input('a', { dtype, shape: p }), b.input('b', { dtype, shape: q })];
  const one = literal(b, dtype, 1);
  if (FLOATS.includes(dtype)) return b.op('Div', [a, b.op('Add', [b.op('Mul', [c, c]), one])]);
  return b.op('Div', [a, b.op('Where', [b.op('Equal', [c, literal(b, dtype, 0)]), one, c])]);
};

const activationGrad =
  (op: string, attrs: AttrsOf = NO_ATTRS): Draw =>
  (b, r, dtype) => {
    const shape = anyShape(r, 0);
    const saved = b.input('saved', { dtype, shape });
    // Exact zeros are where the sides of a kink differ.
    const value = r.int(0, 1) === 0 || dtype === 'bool' ? saved : b.op('Relu', [saved]);
    return b.op(op, [b.input('dy', { dtype, shape }), value], attrs(r));
  };

const bounds = (r: Random): Attrs =>
  r.pick<Attrs>([{ min: 0, max: 0.5 }, { min: -0.3 }, { max: 0.2 }, { min: -0.5, max: 0.5 }, {}]);
const wholeBounds = (r: Random): Attrs =>
  r.pick<Attrs>([{ min: 0, max: 6 }, { min: 2 }, { max: 3 }, { min: 4, max: 2 }, {}]);
const wholeExponent = (r: Random): Attrs => ({ exponent: r.int(0, 3) });
const anyExponent = (r: Random): Attrs => ({ exponent: r.pick([0.5, -0.5, -1, -2, 1.7]) });

/** Functions of single elements, broadcast. */
export const ELEMENTWISE_CASES: CaseTable = {
  Relu: numbers(unary('Relu')),
  Sigmoid: floats(unary('Sigmoid')),
  Tanh: floats(unary('Tanh')),
  Identity: moving(unary('Identity')),
  Exp: floats(unary('Exp')),
  Log: floats(unaryOfPositive('Log')),
  Sqrt: floats(unaryOfPositive('Sqrt')),
  Neg: signed(unary('Neg')),
  Abs: numbers(unary('Abs')),
  Dropout: floats(unary('Dropout', (r) => ({ ratio: r.unit() * 0.9 }))),
  LeakyRelu: floats(unary('LeakyRelu', (r) => ({ alpha: r.unit() }))),
  Clip: numbers((b, r, dtype) => unary('Clip', FLOATS.includes(dtype) ? bounds : wholeBounds)(b, r, dtype)),
  Elu: floats(wideUnary('Elu', (r) => r.pick<Attrs>([{}, { alpha: r.unit() * 2 }]))),
  Selu: floats(wideUnary('Selu', (r) => r.pick<Attrs>([{}, { alpha: 1 + r.unit(), gamma: 1 + r.unit() }]))),
  Gelu: floats(wideUnary('Gelu', (r) => r.pick<Attrs>([{}, { approximate: 'none' }, { approximate: 'tanh' }]))),
  HardSigmoid: floats(wideUnary('HardSigmoid', (r) => r.pick<Attrs>([{}, { alpha: r.unit(), beta: r.unit() }]))),
  HardSwish: floats(wideUnary('HardSwish')),
  Softplus: floats(wideUnary('Softplus')),
  Softsign: floats(wideUnary('Softsign')),
  Mish: floats(wideUnary('Mish')),
  Erf: floats(wideUnary('Erf')),
  Pow: floats((b, r, dtype) => {
    const draw = r.int(0, 1) === 0 ? unary('Pow', wholeExponent) : unaryAwayFromZero('Pow', anyExponent);
    return draw(b, r, dtype);
  }),
  Reciprocal: floats(unaryAwayFromZero('Reciprocal')),
  PRelu: floats((b, r, dtype) => {
    const shape = knownShape(r, 1, 9);
    const slope = shape.map((d) => (r.int(0, 2) === 0 ? 1 : d)).slice(r.int(0, shape.length - 1));
    return b.op('PRelu', [
      b.input('x', { dtype, shape: ['N', ...shape] }),
      weight(b, r, 'slope', { dtype, shape: slope }),
    ]);
  }),
  Add: numbers(binary('Add')),
  Sub: numbers(binary('Sub')),
  Mul: numbers(binary('Mul')),
  Div: numbers(division),
  Min: numbers(binary('Min')),
  Max: numbers(binary('Max')),
  Equal: anyType(binary('Equal')),
  Greater: numbers(binary('Greater')),
  Less: numbers(binary('Less')),
  Where: moving((b, r, dtype) => {
    const [p, q] = broadcastPair(r);
    const condition = b.input('condition', { dtype: 'bool', shape: p });
    return b.op('Where', [condition, b.input('a', { dtype, shape: q }), b.input('b', { dtype, shape: p })]);
  }),
  Cast: anyType((b, r, dtype) => {
    const x = b.input('x', { dtype, shape: anyShape(r, 0) });
    return DTYPES.map((to) => b.op('Cast', [x], { to }));
  }),
  OneHot: integers((b, r, dtype) => {
    return b.op('OneHot', [b.input('labels', { dtype, shape: anyShape(r, 0, 9) })], { depth: r.int(1, 8) });
  }),
  ReluGrad: floats(activationGrad('ReluGrad')),
  LeakyReluGrad: floats(activationGrad('LeakyReluGrad', (r) => ({ alpha: r.unit() }))),
  ClipGrad: floats(activationGrad('ClipGrad', bounds)),
  SigmoidGrad: floats(activationGrad('SigmoidGrad')),
  TanhGrad: floats(activationGrad('TanhGrad')),
};
