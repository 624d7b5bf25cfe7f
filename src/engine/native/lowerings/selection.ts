import { intAttr } from '../../../graph/ops/attributes.js';
import { normalizeAxis } from '../../../graph/ops/checks.js';
import { DTYPE_CODES, dtypeBytes } from '../plan/instruction.js';
import type { LoweringTable } from './lowering.js';

const product = (extents: readonly number[]): number => extents.reduce((count, extent) => count * extent, 1);

export const SELECTIONS: LoweringTable = {
  Gather(planner, node) {
    const [data, indices] = node.inputs.map((id) => planner.plain(planner.view(id)));
    const axis = normalizeAxis(node, intAttr(node, 'axis', 0), data.shape.length);
    const fields = {
      dtype: DTYPE_CODES[indices.dtype],
      outer: product(data.shape.slice(0, axis)),
      extent: data.shape[axis],
      count: product(indices.shape),
      bytes: product(data.shape.slice(axis + 1)) * dtypeBytes(data.dtype),
    };
    planner.emit('gather', { x: data, indices, y: planner.result(node) }, fields);
  },

  GatherGrad(planner, node) {
    const [dy, indices] = node.inputs.map((id) => planner.plain(planner.view(id)));
    const fields = {
      dtype: DTYPE_CODES[indices.dtype],
      rows: intAttr(node, 'rows', 0),
      count: product(indices.shape),
      inner: product(dy.shape.slice(indices.shape.length)),
    };
    planner.emit('gather_grad', { dy, indices, dx: planner.result(node) }, fields);
  },

  OneHot(planner, node) {
    const labels = planner.plain(planner.view(node.inputs[0]));
    const fields = {
      dtype: DTYPE_CODES[labels.dtype],
      count: product(labels.shape),
      depth: intAttr(node, 'depth', 0),
    };
    planner.emit('one_hot', { labels, y: planner.result(node) }, fields);
  },
};
