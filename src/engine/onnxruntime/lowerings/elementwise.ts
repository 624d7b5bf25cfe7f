import { choiceAttr, intAttr } from '../../../graph/ops/attributes.js';
import { DTYPE_BYTES, type DType } from '../../../graph/tensor.js';
import { DATA_TYPES } from '../../../onnx-proto/index.js';
import type { LoweringTable } from '../lowering.js';
import { sameOp } from './activation.js';

export const ELEMENTWISE: LoweringTable = {
  Add: sameOp('Add'),
  Sub: sameOp('Sub'),
  Mul: sameOp('Mul'),
  Div: sameOp('Div'),
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
