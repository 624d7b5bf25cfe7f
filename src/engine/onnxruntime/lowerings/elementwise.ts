import { choiceAttr, intAttr } from '../../../graph/ops/attributes.js';
import { isKind } from '../../../graph/ops/checks.js';
import { DTYPE_BYTES, type DType } from '../../../graph/tensor.js';
import { DATA_TYPES } from '../../../onnx-proto/index.js';
import type { Lowering, LoweringTable } from '../lowering.js';
import { sameOp } from './activation.js';

/**
 * Division of whole numbers by 0 is an error of onnxruntime's, and that of the least one by -1 ends its process: divisors that
 * may be either are replaced, and what they give is put in afterwards.
 */
const divide: Lowering = (x) => {
  const { dtype } = x.inputSpec(1);
  const known = x.constantInput(1)?.data;
  if (
    isKind(dtype, 'float') ||
    (known && !Array.from(known, Number).some((divisor) => divisor === 0 || divisor === -1))
  ) {
    x.result('Div', x.inputs);
    return;
  }
  const [a, b] = x.inputs;
  const [zero, one] = [x.constant([0]), x.constant([1])];
  const isZero = x.op('Equal', [b, zero]);
  if (!isKind(dtype, 'signed')) {
    x.result('Where', [isZero, zero, x.op('Div', [a, x.op('Where', [isZero, one, b])])]);
    return;
  }
  const negates = x.op('Equal', [b, x.constant([-1])]);
  const quotient = x.op('Div', [a, x.op('Where', [x.op('Or', [isZero, negates]), one, b])]);
  x.result('Where', [isZero, zero, x.op('Where', [negates, x.op('Neg', [a]), quotient])]);
};

export const ELEMENTWISE: LoweringTable = {
  Add: sameOp('Add'),
  Sub: sameOp('Sub'),
  Mul: sameOp('Mul'),
  Div: divide,
  Min: sameOp('Min'),
  Max: sameOp('Max'),
  Equal: sameOp('Equal'),
  Greater: sameOp('Greater'),
  Less: sameOp('Less'),
  Where: sameOp('Where'),
  Cast: (x) => {
    const to = choiceAttr(x.node, 'to', Object.keys(DTYPE_BYTES) as DType[], 'float32');
    x.result('Cast', x.inputs, { to: DATA_TYPES[to] });
  },
  /** Not ONNX's OneHot, which takes negative labels to count from the end. */
  OneHot: (x) => {
    const depth = intAttr(x.node, 'depth', 0);
    const labels = x.op('Cast', x.inputs, { to: DATA_TYPES.int64 });
    const classes = x.ints(Array.from({ length: depth }, (_, i) => i));
    const hit = x.op('Equal', [x.op('Unsqueeze', [labels, x.ints([-1])]), classes]);
    x.result('Cast', [hit], { to: DATA_TYPES.float32 });
  },
};
