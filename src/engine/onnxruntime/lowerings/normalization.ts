import type { Node } from '../../../graph/graph.js';
import { epsilonOf, firstNormalizedAxis, normalizedGroups } from '../../../graph/ops/sample-normalization.js';
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
  /** Not in this opset: an instance norm whose instances are the groups, then scale and shift of the channels. */
  GroupNormalization: (x) => {
    const [input, scale, shift] = x.inputs;
    const { shape } = x.inputSpec(0);
    const groups = normalizedGroups(x.node, Number(shape[1]));
    const all = (value: number): string => x.constant(new Array<number>(groups).fill(value), [groups]);
    const runs = x.reshape(input, [0, groups, -1]);
    const normal = x.op('InstanceNormalization', [runs, all(1), all(0)], epsilon(x.node));
    const restored = x.op('Reshape', [normal, x.op('Shape', [input])]);
    const perChannel = [-1, ...shape.slice(2).map(() => 1)];
    x.result('Add', [x.op('Mul', [restored, x.reshape(scale, perChannel)]), x.reshape(shift, perChannel)]);
  },
};
