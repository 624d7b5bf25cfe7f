import { flagAttr, numberAttr } from '../../../graph/ops/attributes.js';
import type { LoweringTable } from '../lowering.js';
import { sameOp } from './activation.js';

/** Dense products and the norm that scales by channel. */
export const PRODUCTS: LoweringTable = {
  MatMul: sameOp('MatMul'),
  Gemm: (x) =>
    x.result('Gemm', x.inputs, {
      transA: flagAttr(x.node, 'transA', false) ? 1 : 0,
      transB: flagAttr(x.node, 'transB', false) ? 1 : 0,
      alpha: { float: numberAttr(x.node, 'alpha', 1) },
      beta: { float: numberAttr(x.node, 'beta', 1) },
    }),
  BatchNormalization: (x) =>
    x.result('BatchNormalization', x.inputs, { epsilon: { float: numberAttr(x.node, 'epsilon', 1e-5) } }),
};
