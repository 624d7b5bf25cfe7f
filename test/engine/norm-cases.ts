import type { GraphBuilder } from '../../src/graph/builder.js';
import type { Attrs } from '../../src/graph/graph.js';
import { type Case, float, weight } from './case-parts.js';
import type { Random } from './random.js';

/** Large enough that runs of equal numbers, or of one, do not magnify what float32 rounds. */
const epsilon = (r: Random): Attrs => r.pick<Attrs>([{ epsilon: 0.01 }, { epsilon: 0.1 }]);

const grouped =
  (op: string, leastSpatial: number): Case =>
  (b, r) => {
    const groups = r.int(1, 3);
    const channels = groups * r.int(1, 3);
    const x = b.input('x', float(['N', channels, ...r.ints(r.int(leastSpatial, 3), 1, 4)]));
    const weights = ['scale', 'B'].map((id) => weight(b, r, id, [channels]));
    const attrs: Attrs = op === 'GroupNormalization' ? { num_groups: groups } : {};
    return b.op(op, [x, ...weights], { ...epsilon(r), ...attrs });
  };

/** x `[N, C, …]`, and a vector of channels for each name. */
function batchNormInputs(b: GraphBuilder, r: Random, names: readonly string[]): string[] {
  const channels = r.int(1, 4);
  const x = b.input('x', float(['N', channels, ...r.ints(r.int(0, 3), 1, 4)]));
  return [x, ...names.map((id) => weight(b, r, id, [channels], ...(id === 'variance' ? [0.1, 2] : [])))];
}

/** Norms by the statistics of the sample or of the batch. */
export const NORM_CASES: Readonly<Record<string, Case>> = {
  BatchNormalizationTraining: (b, r) =>
    b.ops('BatchNormalizationTraining', batchNormInputs(b, r, ['scale', 'B']), epsilon(r), { outputs: 3 }),
  BatchNormalizationGrad: (b, r) => {
    const [x, ...vectors] = batchNormInputs(b, r, ['scale', 'mean', 'variance']);
    const dy = b.input('dy', b.spec(x));
    return b.ops('BatchNormalizationGrad', [dy, x, ...vectors], epsilon(r), { outputs: 3 });
  },
  LayerNormalization: (b, r) => {
    const shape = r.ints(r.int(1, 4), 1, 4);
    const axis = r.int(1, shape.length);
    const x = b.input('x', float(['N', ...shape]));
    const weights = r.pick([['scale'], ['scale', 'B']]).map((id) => weight(b, r, id, shape.slice(axis - 1)));
    return b.op('LayerNormalization', [x, ...weights], {
      ...epsilon(r),
      axis: r.pick([axis, axis - shape.length - 1]),
    });
  },
  GroupNormalization: grouped('GroupNormalization', 0),
  InstanceNormalization: grouped('InstanceNormalization', 1),
};
