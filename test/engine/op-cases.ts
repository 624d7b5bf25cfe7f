import { GraphBuilder } from '../../src/graph/builder.js';
import type { Attrs, Graph, Shape } from '../../src/graph/graph.js';
import type { DType } from '../../src/graph/tensor.js';
import { type CaseTable, type Draw, floats, numbers, weight } from './case-parts.js';
import { CONV_CASES } from './conv-cases.js';
import { ELEMENTWISE_CASES } from './elementwise-cases.js';
import { NORM_CASES } from './norm-cases.js';
import { POOL_CASES } from './pool-cases.js';
import type { Random } from './random.js';
import { SHAPE_CASES } from './shape-cases.js';
import { anyAxis, anyShape, someAxes } from './shapes.js';

/** Left out sometimes, as attributes that have a default may be. */
const keepdims = (r: Random): Attrs => r.pick<Attrs>([{}, { keepdims: 0 }, { keepdims: 1 }]);

const reduction =
  (op: string): Draw =>
  (b, r, dtype) => {
    const shape = anyShape(r, 0);
    const axes = someAxes(r, shape.length);
    return b.op(op, [b.input('x', { dtype, shape })], { axes, ...keepdims(r) });
  };

const softmax =
  (op: string): Draw =>
  (b, r, dtype) => {
    const shape = anyShape(r);
    const attrs: Attrs = r.int(0, 3) === 0 ? {} : { axis: anyAxis(r, shape.length) };
    return b.op(op, [b.input('x', { dtype, shape })], attrs);
  };

/** For each op of the IR one generator, and the dtypes that it takes. */
export const OP_CASES: CaseTable = {
  ...CONV_CASES,
  ...POOL_CASES,
  ...NORM_CASES,
  ...ELEMENTWISE_CASES,
  ...SHAPE_CASES,
  Gemm: floats((b, r, dtype) => {
    const [transA, transB] = r.ints(2, 0, 1);
    const [k, n] = r.ints(2, 1, 5);
    const a = b.input('a', { dtype, shape: transA ? [k, 'N'] : ['N', k] });
    const w = weight(b, r, 'b', { dtype, shape: transB ? [n, k] : [k, n] });
    const c = r.pick([[], [weight(b, r, 'c', { dtype, shape: r.pick([[n], [1, n], [1], []]) })]]);
    const scales = r.pick<Attrs>([{}, { alpha: r.unit() + 0.5, beta: r.unit() + 0.5 }]);
    return b.op('Gemm', [a, w, ...c], { transA, transB, ...scales });
  }),
  MatMul: floats((b, r, dtype) => {
    const [m, k, n, g] = r.ints(4, 1, 4);
    const lead = anyShape(r, 1, 8);
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
      [[k], ['N', k, n]],
      [
        [...lead, m, k],
        [...lead.slice(r.int(0, lead.length)), k, n],
      ],
    ]);
    return b.op('MatMul', [b.input('a', { dtype, shape: p }), b.input('b', { dtype, shape: q })]);
  }),
  BatchNormalization: floats((b, r, dtype) => {
    const channels = r.int(1, 4);
    const x = b.input('x', { dtype, shape: ['N', channels, ...r.ints(r.int(0, 3), 1, 4)] });
    const vector = { dtype, shape: [channels] };
    const [scale, shift, mean] = ['scale', 'B', 'mean'].map((id) => weight(b, r, id, vector));
    const variance = weight(b, r, 'var', vector, 0.1, 2);
    return b.op('BatchNormalization', [x, scale, shift, mean, variance], { epsilon: r.pick([1e-5, 1e-3]) });
  }),
  Softmax: floats(softmax('Softmax')),
  LogSoftmax: floats(softmax('LogSoftmax')),
  ReduceSum: numbers(reduction('ReduceSum')),
  ReduceMean: numbers(reduction('ReduceMean')),
  ReduceMax: numbers(reduction('ReduceMax')),
  ArgMax: numbers((b, r, dtype) => {
    const shape = anyShape(r);
    const raw = b.input('x', { dtype, shape });
    const x = r.int(0, 1) === 0 || dtype === 'bool' ? raw : b.op('Relu', [raw]);
    return b.op('ArgMax', [x], { axis: anyAxis(r, shape.length), ...keepdims(r) });
  }),
};

/** @param dtype of the main operand; by default the first that the op takes, which mostly is float32 */
export function opGraph(op: string, name: string, r: Random, dtype: DType = OP_CASES[op].dtypes[0]): Graph {
  const b = new GraphBuilder(name);
  [OP_CASES[op].draw(b, r, dtype)].flat().forEach((value, i) => {
    b.output(i === 0 ? 'result' : `result ${i}`, value);
  });
  return b.build();
}
