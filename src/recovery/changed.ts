import { getSpec } from '../graph/graph.js';
import { findOp } from '../graph/ops/index.js';
import { isNarrower, type Networks } from './networks.js';

/**
 * The values of the pruned network that are other than the original's, beside the channels that went: of layers that read
 * channels which went, and of all behind them.
 */
export function changedValues(networks: Networks): ReadonlySet<string> {
  const { original, kept } = networks;
  const changed = new Set<string>();
  for (const node of original.nodes) {
    const isChanged = node.inputs.some((id, i) => {
      if (id === '') return false;
      if (changed.has(id)) return true;
      if (original.constants.has(id) || !isNarrower(networks, id)) return false;
      const spec = findOp(node.op);
      // Where each channel goes its own way nothing is missed: elementwise ops, batch norms, depthwise convolutions.
      if (!spec || (spec.neutral === undefined && !spec.compose)) return false;
      const inputs = node.inputs.map((input) => original.values.get(input));
      if (spec.parametric?.(node, inputs)?.passThrough) return false;
      const { length } = getSpec(original, id).shape;
      const mixed = i === 0 ? (spec.mixes?.(node, length) ?? []) : [length - 2, length - 1];
      return mixed.some((axis) => kept(id, axis) !== undefined);
    });
    if (isChanged) for (const id of node.outputs) changed.add(id);
  }
  return changed;
}
