import { intAttr } from '../../../graph/ops/attributes.js';
import { normalizeAxis } from '../../../graph/ops/checks.js';
import { DTYPE_CODES, dtypeBytes } from '../plan/instruction.js';
import type { LoweringTable } from './lowering.js';

const product = (extents: readonly number[]): number => extents.reduce((count, extent) => count * extent, 1);

export const SELECTIONS: LoweringTable = {
  Gather(planner, node) {
    const [data, indices] = node.inputs.map((id) => planner.plain(planner.view(id)));
    const axis = normalizeAxis(node, intAttr(node, 'axis', 0), data.shape.length);
    const words = [
      DTYPE_CODES[indices.dtype],
      product(data.shape.slice(0, axis)),
      data.shape[axis],
      product(indices.shape),
      product(data.shape.slice(axis + 1)) * dtypeBytes(data.dtype),
    ];
    planner.kernel('gather', { inputs: [data, indices], outputs: [planner.result(node)] }, words);
  },

  GatherGrad(planner, node) {
    const [dy, indices] = node.inputs.map((id) => planner.plain(planner.view(id)));
    const inner = product(dy.shape.slice(indices.shape.length));
    const words = [DTYPE_CODES[indices.dtype], intAttr(node, 'rows', 0), product(indices.shape), inner];
    planner.kernel('gather_grad', { inputs: [dy, indices], outputs: [planner.result(node)] }, words);
  },

  OneHot(planner, node) {
    const labels = planner.plain(planner.view(node.inputs[0]));
    const words = [DTYPE_CODES[labels.dtype], product(labels.shape), intAttr(node, 'depth', 0)];
    planner.kernel('one_hot', { inputs: [labels], outputs: [planner.result(node)] }, words);
  },
};
