import type { ConstantRole } from '../../../graph/graph.js';
import { computedDType } from '../element-types.js';
import type { NodeLowering } from '../lowering.js';
import { lowerOpaque } from '../opaque.js';
import type { OnnxOp, OnnxOpTable } from './onnx-op.js';

/** A vector along one axis is a bias or a scale that training may change; whole planes and single numbers are not. */
function roleOf(n: NodeLowering, i: number): ConstantRole {
  const known = n.known(i);
  const vector = known?.isWeight && known.dtype === 'float32' && known.shape.filter((d) => d !== 1).length === 1;
  return vector ? 'parameter' : 'literal';
}

function operand(n: NodeLowering, i: number): string {
  return n.value(i, roleOf(n, i));
}

/** Before opset 7 the second operand was aligned to `axis` of the first, when `broadcast` said so. */
function alignedSecond(n: NodeLowering): string {
  const second = operand(n, 1);
  const axis = n.attrs.int('axis');
  if (n.opset >= 7 || axis === undefined || n.attrs.int('broadcast') !== 1) return second;
  const own = n.specOf(second).shape;
  const behind = n.rank(0) - n.axis(axis, n.rank(0)) - own.length;
  return n.reshaped(second, [...own, ...new Array<number>(Math.max(behind, 0)).fill(1)]);
}

const binary = (op: string): OnnxOp => ({
  lower: (n) => n.result(n.emit(op, [operand(n, 0), alignedSecond(n)])),
});

/** Any number of operands, two by two. */
function variadic(op: string, finish: (n: NodeLowering, value: string) => string = (_n, value) => value): OnnxOp {
  return {
    lower(n) {
      const operands = n.node.input.map((_, i) => operand(n, i));
      const [first, ...others] = operands;
      if (first === undefined) throw n.invalid('it has no inputs');
      const all = others.reduce((a, b) => n.emit(op, [a, b]), first);
      n.result(finish(n, others.length === 0 ? n.emit('Identity', [first]) : all));
    },
  };
}

const pow: OnnxOp = {
  lower(n) {
    const exponent = n.known(1)?.size === 1 ? n.known(1)?.numbers?.[0] : undefined;
    if (exponent === undefined || n.dtype(0) !== 'float32')
      return lowerOpaque(n, 'its exponents are not one known number');
    n.result(n.emit('Pow', [n.value(0)], { exponent }));
  },
};

/** A comparison whose opposite the IR has. */
const notThe = (op: string): OnnxOp => ({
  lower: (n) => n.result(negated(n, n.emit(op, [n.value(0), n.value(1)]))),
});

const negated = (n: NodeLowering, value: string): string => n.emit('Equal', [value, n.literal([0], [], 'bool')]);

/** Of bools, as products and maxima of whole numbers. */
const logical = (op: string): OnnxOp => ({
  lower(n) {
    const [a, b] = [0, 1].map((i) => n.emit('Cast', [n.value(i)], { to: 'int32' }));
    n.result(n.emit('Cast', [n.emit(op, [a, b])], { to: 'bool' }));
  },
});

const cast: OnnxOp = {
  lower(n) {
    const to = computedDType(n.attrs.int('to') ?? 0);
    if (!to) return lowerOpaque(n, 'the type that it casts to is not computed with');
    const x = n.value(0);
    n.result(n.dtype(0) === to ? n.emit('Identity', [x]) : n.emit('Cast', [x], { to }));
  },
};

export const ELEMENTWISE: OnnxOpTable = {
  Add: binary('Add'),
  Sub: binary('Sub'),
  Mul: binary('Mul'),
  Div: binary('Div'),
  Min: variadic('Min'),
  Max: variadic('Max'),
  Sum: variadic('Add'),
  Mean: variadic('Add', (n, sum) => n.emit('Mul', [sum, n.literal([1 / n.inputCount], [])])),
  Pow: pow,
  Equal: binary('Equal'),
  Greater: binary('Greater'),
  Less: binary('Less'),
  GreaterOrEqual: notThe('Less'),
  LessOrEqual: notThe('Greater'),
  Not: { lower: (n) => n.result(negated(n, n.value(0))) },
  And: logical('Mul'),
  Or: logical('Max'),
  Where: { lower: (n) => n.result(n.emit('Where', [n.value(0), operand(n, 1), operand(n, 2)])) },
  Cast: cast,
};
