import { axesOf } from '../folding/index.js';
import type { NodeLowering } from '../lowering.js';
import { lowerOpaque } from '../opaque.js';
import type { OnnxOp, OnnxOpTable } from './onnx-op.js';

/** Undefined when the axes are computed as the model runs. */
function reducedAxes(n: NodeLowering): readonly number[] | undefined {
  if (n.has(1) && !n.known(1)?.numbers) return undefined;
  const given = axesOf(n.attrs, n.known(1));
  const rank = n.rank(0);
  if (given?.length) return given.map((axis) => n.axis(axis, rank));
  return n.attrs.int('noop_with_empty_axes') === 1 ? [] : Array.from({ length: rank }, (_, i) => i);
}

type Step = (n: NodeLowering, value: string) => string;
const same: Step = (_n, value) => value;
const each =
  (op: string): Step =>
  (n, value) =>
    n.emit(op, [value]);
const squared: Step = (n, value) => n.emit('Mul', [value, value]);

/** What is done to each element, how they are folded, what is done to the result. */
function reduction(before: Step, op: string, after: Step): OnnxOp {
  return {
    lower(n) {
      const axes = reducedAxes(n);
      if (!axes) return lowerOpaque(n, 'its axes are computed as it runs');
      const keepdims = n.attrs.int('keepdims') ?? 1;
      // Bools are compared as numbers.
      const bools = n.dtype(0) === 'bool';
      const x = bools ? n.emit('Cast', [n.value(0)], { to: 'int32' }) : n.value(0);
      const reduced = after(n, n.emit(op, [before(n, x)], { axes, keepdims }));
      n.result(bools ? n.emit('Cast', [reduced], { to: 'bool' }) : reduced);
    },
  };
}

/** log Σ exp(x), from the largest on: of large numbers the exponentials are infinite. */
const logSumExp: OnnxOp = {
  lower(n) {
    const axes = reducedAxes(n);
    if (!axes) return lowerOpaque(n, 'its axes are computed as it runs');
    const x = n.value(0);
    const keepdims = n.attrs.int('keepdims') ?? 1;
    const apart = n.emit('Exp', [n.emit('Sub', [x, n.emit('ReduceMax', [x], { axes, keepdims: 1 })])]);
    const sum = n.emit('Log', [n.emit('ReduceSum', [apart], { axes, keepdims })]);
    n.result(n.emit('Add', [sum, n.emit('ReduceMax', [x], { axes, keepdims })]));
  },
};

/** Of equals the first, unless the last is asked for. */
function argument(before: Step): OnnxOp {
  return {
    lower(n) {
      if (n.attrs.int('select_last_index') === 1) return lowerOpaque(n, 'it takes the last of equals');
      const axis = n.axis(n.attrs.int('axis') ?? 0, n.rank(0));
      n.result(n.emit('ArgMax', [before(n, n.value(0))], { axis, keepdims: n.attrs.int('keepdims') ?? 1 }));
    },
  };
}

export const REDUCTIONS: OnnxOpTable = {
  ReduceSum: reduction(same, 'ReduceSum', same),
  ReduceMean: reduction(same, 'ReduceMean', same),
  ReduceMax: reduction(same, 'ReduceMax', same),
  ReduceMin: reduction(each('Neg'), 'ReduceMax', each('Neg')),
  ReduceL1: reduction(each('Abs'), 'ReduceSum', same),
  ReduceL2: reduction(squared, 'ReduceSum', each('Sqrt')),
  ReduceSumSquare: reduction(squared, 'ReduceSum', same),
  ReduceLogSum: reduction(same, 'ReduceSum', each('Log')),
  ReduceLogSumExp: logSumExp,
  ArgMax: argument(same),
  ArgMin: argument(each('Neg')),
};
