import type { Node } from '../../../graph/graph.js';
import { epsilonOf, firstNormalizedAxis } from '../../../graph/ops/sample-normalization.js';
import type { LoweringTable } from '../lowering.js';
import type { OnnxAttrs } from '../model-builder.js';

const epsilon = (node: Node): OnnxAttrs => ({ epsilon: { float: epsilonOf(node) } });

/** Norms by the statistics of the sample. */
export const NORMALIZATIONS: LoweringTable = {
  LayerNormalization: (x) => {
    const axis = firstNormalizedAxis(x.node, x.inputSpec(0).shape.length);
    x.result('LayerNormalization', x.inputs, { ...epsilon(x.node), axis });
  },
  InstanceNormalization: (x) => x.result('InstanceNormalization', x.inputs, epsilon(x.node)),
};
