import { GraphBuilder } from '../../src/graph/builder.js';
import type { Attrs, Graph, Shape } from '../../src/graph/graph.js';
import { type DType, tensor } from '../../src/graph/tensor.js';
import { type Case, float, weight } from './case-parts.js';
import { CONV_CASES } from './conv-cases.js';
import { NORM_CASES } from './norm-cases.js';
import { POOL_CASES } from './pool-cases.js';
import type { Random } from './random.js';

/** Indices from `-extent` to `extent - 1`, made of floats from -1 to 1. */
function smallIndices(b: GraphBuilder, r: Random, extent: number): string {
  const raw = b.input('raw', float(['N', ...r.ints(r.int(0, 2), 1, 3)]));
  const scaled = b.op('Mul', [raw, b.constant('extent', tensor('float32', [], [extent - 0.01]), 'literal')]);
  return b.op('Cast', [scaled], { to: r.pick(['int32', 'int64']) });
}

/** A shape and one that broadcasts with it. */
function broadcastPair(r: Random): [Shape, Shape] {
  const shape = ['N', ...r.ints(r.int(0, 3), 1, 4)];
  const other = shape.map((d) => (r.int(0, 2) === 0 ? 1 : d)).slice(r.int(0, shape.length - 1));
  return r.int(0, 1) === 0 ? [shape, other] : [other, shape];
}

const anyShape = (r: Random, most = 3): Shape => ['N', ...r.ints(r.int(1, most), 1, 4)];

const unary =
  (op: string, attrs: (r: Random) => Attrs = () => ({})): Case =>
  (b, r) =>
    b.op(op, [b.input('x', float(anyShape(r)))], attrs(r));

/** Takes the absolute value first, for functions of positive numbers. */
const unaryOfPositive =
  (op: string): Case =>
  (b, r) =>
    b.op(op, [b.op('Abs', [b.input('x', float(anyShape(r)))])]);

/** Inputs from -8 to 8, where activations saturate and have their kinks. */
const wideUnary =
  (op: string, attrs: (r: Random) => Attrs = () => ({})): Case =>
  (b, r) => {
    const eight = b.constant('eight', tensor('float32', [], [8]), 'literal');
    return b.op(op, [b.op('Mul', [b.input('x', float(anyShape(r))), eight])], attrs(r));
  };

/** Takes 0.2 plus the absolute value first. */
const unaryAwayFromZero =
  (op: string, attrs: (r: Random) => Attrs = () => ({})): Case =>
  (b, r) => {
    const least = b.constant('least', tensor('float32', [], [0.2]), 'literal');
    return b.op(op, [b.op('Add', [b.op('Abs', [b.input('x', float(anyShape(r)))]), least])], attrs(r));
  };

const binary =
  (op: string, dtypes: readonly DType[]): Case =>
  (b, r) => {
    const dtype = r.pick(dtypes);
    const [p, q] = broadcastPair(r);
    const a = b.input('a', { dtype, shape: p });
    const c = b.input('b', { dtype, shape: q });
    if (op !== 'Div') return b.op(op, [a, c]);
    const one = b.constant('one', tensor('float32', [], [1]), 'literal');
    return b.op('Div', [a, b.op('Add', [b.op('Mul', [c, c]), one])]);
  };

const activationGrad =
  (op: string, attrs: (r: Random) => Attrs = () => ({})): Case =>
  (b, r) => {
    const shape = anyShape(r);
    const saved = b.input('saved', float(shape));
    // Exact zeros are where the sides of a kink differ.
    const value = r.int(0, 1) === 0 ? saved : b.op('Relu', [saved]);
    return b.op(op, [b.input('dy', float(shape)), value], attrs(r));
  };

const reduction =
  (op: string, dtypes: readonly DType[] = ['float32']): Case =>
  (b, r) => {
    const shape = ['N', ...r.ints(3, 1, 4)];
    const axes = [0, 1, 2, 3].filter(() => r.int(0, 1) === 0).map((a) => (r.int(0, 1) === 0 ? a : a - 4));
    return b.op(op, [b.input('x', { dtype: r.pick(dtypes), shape })], { axes, keepdims: r.int(0, 1) });
  };

const bounds = (r: Random): Attrs =>
  r.pick<Attrs>([{ min: 0, max: 0.5 }, { min: -0.3 }, { max: 0.2 }, { min: -0.5, max: 0.5 }]);
const wholeExponent = (r: Random): Attrs => ({ exponent: r.int(0, 3) });
const anyExponent = (r: Random): Attrs => ({ exponent: r.pick([0.5, -0.5, -1, -2, 1.7]) });
const axis = (r: Random): Attrs => ({ axis: r.int(-2, 1) });

/** One generator for each op of the IR. */
export const OP_CASES: Readonly<Record<string, Case>> = {
  ...CONV_CASES,
  ...POOL_CASES,
  Gemm: (b, r) => {
    const [transA, transB] = r.ints(2, 0, 1);
    const [k, n] = r.ints(2, 1, 5);
    const a = b.input('a', float(transA ? [k, 'N'] : ['N', k]));
    const w = weight(b, r, 'b', transB ? [n, k] : [k, n]);
    const c = r.pick([[], [weight(b, r, 'c', r.pick([[n], [1, n], [1], []]))]]);
    return b.op('Gemm', [a, w, ...c], { transA, transB, alpha: r.unit() + 0.5, beta: r.unit() + 0.5 });
  },
  MatMul: (b, r) => {
    const [m, k, n, g] = r.ints(4, 1, 4);
    const [p, q] = r.pick<[Shape, Shape]>([
      [
        ['N', k],
        [k, n],
      ],
      [
        ['N', g, m, k],
        [k, n],
      ],
      [
        ['N', g, m, k],
        [g, k, n],
      ],
      [['N', m, k], [k]],
    ]);
    return b.op('MatMul', [b.input('a', float(p)), b.input('b', float(q))]);
  },
  BatchNormalization: (b, r) => {
    const channels = r.int(1, 4);
    const x = b.input('x', float(['N', channels, ...r.ints(r.int(0, 3), 1, 4)]));
    const [scale, shift, mean] = ['scale', 'B', 'mean'].map((id) => weight(b, r, id, [channels]));
    const variance = weight(b, r, 'var', [channels], 0.1, 2);
    return b.op('BatchNormalization', [x, scale, shift, mean, variance], { epsilon: r.pick([1e-5, 1e-3]) });
  },
  ...NORM_CASES,
  Relu: unary('Relu'),
  Sigmoid: unary('Sigmoid'),
  Tanh: unary('Tanh'),
  Identity: unary('Identity'),
  Exp: unary('Exp'),
  Log: unaryOfPositive('Log'),
  Sqrt: unaryOfPositive('Sqrt'),
  Neg: unary('Neg'),
  Abs: unary('Abs'),
  Dropout: unary('Dropout', (r) => ({ ratio: r.unit() * 0.9 })),
  LeakyRelu: unary('LeakyRelu', (r) => ({ alpha: r.unit() })),
  Clip: unary('Clip', (r) => r.pick([bounds(r), {}])),
  Elu: wideUnary('Elu', (r) => r.pick<Attrs>([{}, { alpha: r.unit() * 2 }])),
  Selu: wideUnary('Selu', (r) => r.pick<Attrs>([{}, { alpha: 1 + r.unit(), gamma: 1 + r.unit() }])),
  Gelu: wideUnary('Gelu', (r) => r.pick<Attrs>([{}, { approximate: 'none' }, { approximate: 'tanh' }])),
  HardSigmoid: wideUnary('HardSigmoid', (r) => r.pick<Attrs>([{}, { alpha: r.unit(), beta: r.unit() }])),
  HardSwish: wideUnary('HardSwish'),
  Softplus: wideUnary('Softplus'),
  Softsign: wideUnary('Softsign'),
  Mish: wideUnary('Mish'),
  Erf: wideUnary('Erf'),
  Pow: (b, r) => (r.int(0, 1) === 0 ? unary('Pow', wholeExponent) : unaryAwayFromZero('Pow', anyExponent))(b, r),
  Reciprocal: unaryAwayFromZero('Reciprocal'),
  PRelu: (b, r) => {
    const shape = r.ints(r.int(1, 4), 1, 4);
    const slope = shape.map((d) => (r.int(0, 2) === 0 ? 1 : d)).slice(r.int(0, shape.length - 1));
    return b.op('PRelu', [b.input('x', float(['N', ...shape])), weight(b, r, 'slope', slope)]);
  },
  Softmax: unary('Softmax', axis),
  LogSoftmax: unary('LogSoftmax', axis),
  Add: binary('Add', ['float32', 'int32', 'int64']),
  Sub: binary('Sub', ['float32', 'int32', 'int64']),
  Mul: binary('Mul', ['float32', 'int32', 'int64']),
  Div: binary('Div', ['float32']),
  Min: binary('Min', ['float32', 'int32', 'int64']),
  Max: binary('Max', ['float32', 'int32', 'int64']),
  Concat: (b, r) => {
    const shape = ['N', ...r.ints(3, 1, 4)];
    const at = r.int(1, 3);
    const parts = r.ints(r.int(1, 3), 1, 4).map((d, i) => b.input(`x${i}`, float(shape.with(at, d))));
    return b.op('Concat', parts, { axis: r.pick([at, at - 4]) });
  },
  Flatten: (b, r) => b.op('Flatten', [b.input('x', float(['N', ...r.ints(3, 1, 4)]))], { axis: r.int(0, 4) }),
  Reshape: (b, r) => {
    const x = b.input('x', float(['N', 4, 3, 2]));
    return b.op('Reshape', [x], { shape: r.pick([[0, -1], [-1, 6], [0, 0, 6], [-1, 24], [0, 2, -1, 0], [-1]]) });
  },
  Transpose: (b, r) => {
    return b.op('Transpose', [b.input('x', float(['N', ...r.ints(3, 1, 4)]))], { perm: r.shuffled([0, 1, 2, 3]) });
  },
  ReduceSum: reduction('ReduceSum', ['float32', 'int32', 'int64']),
  ReduceMean: reduction('ReduceMean'),
  ReduceMax: reduction('ReduceMax', ['float32', 'int32', 'int64']),
  ArgMax: (b, r) => {
    const raw = b.input('x', float(['N', ...r.ints(3, 1, 5)]));
    const x = r.int(0, 1) === 0 ? raw : b.op('Relu', [raw]);
    return b.op('ArgMax', [x], { axis: r.int(-3, 3), keepdims: r.int(0, 1) });
  },
  Equal: binary('Equal', ['float32', 'int32', 'int64', 'bool']),
  Greater: binary('Greater', ['float32', 'int32', 'int64']),
  Less: binary('Less', ['float32', 'int32', 'int64']),
  Where: (b, r) => {
    const dtype = r.pick<DType>(['float32', 'int32', 'int64']);
    const [p, q] = broadcastPair(r);
    const condition = b.input('condition', { dtype: 'bool', shape: p });
    return b.op('Where', [condition, b.input('a', { dtype, shape: q }), b.input('b', { dtype, shape: p })]);
  },
  Cast: (b, r) => {
    const dtypes: DType[] = ['float32', 'float64', 'int32', 'int64', 'bool'];
    const x = b.input('x', { dtype: r.pick([...dtypes, 'uint8']), shape: anyShape(r) });
    return b.op('Cast', [x], { to: r.pick(dtypes) });
  },
  OneHot: (b, r) => {
    const dtype = r.pick<DType>(['int32', 'int64', 'uint8']);
    return b.op('OneHot', [b.input('labels', { dtype, shape: ['N', ...r.ints(r.int(0, 2), 1, 3)] })], {
      depth: r.int(1, 8),
    });
  },
  Expand: (b, r) => {
    const [x, shape] = r.pick<[Shape, number[]]>([
      [
        ['N', 1, 3],
        [1, 4, 1],
      ],
      [
        ['N', 1],
        [2, 1, 5],
      ],
      [['N', 2, 1], [3]],
      [[], [2, 3]],
    ]);
    return b.op('Expand', [b.input('x', float(x))], { shape });
  },
  ExpandBatch: (b, r) => {
    const like = b.input('like', float(['N', ...r.ints(r.int(0, 2), 1, 3)]));
    return b.op('ExpandBatch', [weight(b, r, 'x', [1, ...r.ints(r.int(0, 3), 1, 4)]), like]);
  },
  Slice: (b, r) => {
    const axes = [1, 2].filter(() => r.int(0, 1) === 0);
    const x = b.input('x', float(['N', ...r.ints(3, 3, 7)]));
    if (r.int(0, 2) === 0) {
      return b.op('Slice', [x], {
        axes,
        starts: axes.map(() => -1),
        ends: axes.map(() => -100),
        steps: axes.map(() => -2),
      });
    }
    const starts = axes.map(() => r.int(-3, 1));
    const ends = starts.map((s) => (s < 0 ? 100 : r.int(2, 100)));
    return b.op('Slice', [x], {
      axes: axes.map((a) => r.pick([a, a - 4])),
      starts,
      ends,
      steps: r.ints(axes.length, 1, 2),
    });
  },
  Tile: (b, r) => {
    const shape = r.ints(r.int(0, 3), 1, 4);
    return b.op('Tile', [b.input('x', float(['N', ...shape]))], { repeats: [1, ...shape.map(() => r.int(1, 3))] });
  },
  Gather: (b, r) => {
    const shape = r.ints(r.int(1, 3), 1, 5);
    const at = r.int(0, shape.length - 1);
    const ids = smallIndices(b, r, shape[at]);
    return b.op('Gather', [weight(b, r, 'data', shape), ids], { axis: r.pick([at, at - shape.length]) });
  },
  GatherGrad: (b, r) => {
    const rows = r.int(1, 5);
    const ids = smallIndices(b, r, rows);
    const dy = b.input('dy', float([...b.spec(ids).shape, ...r.ints(r.int(1, 2), 1, 3)]));
    return b.op('GatherGrad', [dy, ids], { rows });
  },
  ReluGrad: activationGrad('ReluGrad'),
  LeakyReluGrad: activationGrad('LeakyReluGrad', (r) => ({ alpha: r.unit() })),
  ClipGrad: activationGrad('ClipGrad', (r) => r.pick([bounds(r), {}])),
  SigmoidGrad: activationGrad('SigmoidGrad'),
  TanhGrad: activationGrad('TanhGrad'),
};

export function opGraph(op: string, name: string, r: Random): Graph {
  const b = new GraphBuilder(name);
  [OP_CASES[op](b, r)].flat().forEach((value, i) => {
    b.output(i === 0 ? 'result' : `result ${i}`, value);
  });
  return b.build();
}
