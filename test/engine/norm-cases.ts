import type { GraphBuilder } from '../../src/graph/builder.js';
import type { Attrs } from '../../src/graph/graph.js';
import type { DType } from '../../src/graph/tensor.js';
import { type CaseTable, type Draw, floats, weight } from './case-parts.js';
import type { Random } from './random.js';

/** Large enough that runs of equal numbers, or of one, do not magnify what float32 rounds. */
const epsilon = (r: Random): Attrs => r.pick<Attrs>([{ epsilon: 0.01 }, { epsilon: 0.1 }]);

const grouped =
  (op: string, leastSpatial: number): Draw =>
  (b, r, dtype) => {
    const groups = r.int(1, 3);
    const channels = groups * r.int(1, 3);
    const x = b.input('x', { dtype, shape: ['N', channels, ...r.ints(r.int(leastSpatial, 3), 1, 4)] });
    const weights = ['scale', 'B'].map((id) => weight(b, r, id, { dtype, shape: [channels] }));
    const attrs: Attrs = op === 'GroupNormalization' ? { num_groups: groups } : {};
    return b.op(op, [x, ...weights], { ...epsilon(r), ...attrs });
  };

/** x `[N, C, …]`, and a vector of channels for each name. */
function batchNormInputs(b: GraphBuilder, r: Random, dtype: DType, names: readonly string[]): string[] {
  const channels = r.int(1, 4);
  const x = b.input('x', { dtype, shape: ['N', channels, ...r.ints(r.int(0, 3), 1, 4)] });
  return [
    x,
    ...names.map((id) => weight(b, r, id, { dtype, shape: [channels] }, ...(id === 'variance' ? [0.1, 2] : []))),
  ];
}

/** Norms by the statistics of the sample or of the batch. */
export const NORM_CASES: CaseTable = {
  BatchNormalizationTraining: floats((b, r, dtype) =>
    b.ops('BatchNormalizationTraining', batchNormInputs(b, r, dtype, ['scale', 'B']), epsilon(r), { outputs: 3 }),
  ),
  BatchNormalizationGrad: floats((b, r, dtype) => {
    const [x, ...vectors] = batchNormInputs(b, r, dtype, ['scale', 'mean', 'variance']);
    const dy = b.input('dy', b.spec(x));
    return b.ops('BatchNormalizationGrad', [dy, x, ...vectors], epsilon(r), { outputs: 3 });
  }),
  LayerNormalization: floats((b, r, dtype) => {
    const shape = r.ints(r.int(1, 4), 1, 4);
    const axis = r.int(1, shape.length);
    const x = b.input('x', { dtype, shape: ['N', ...shape] });
    const weights = r
      .pick([['scale'], ['scale', 'B']])
      .map((id) => weight(b, r, id, { dtype, shape: shape.slice(axis - 1) }));
    return b.op('LayerNormalization', [x, ...weights], {
      ...epsilon(r),
      axis: r.pick([axis, axis - shape.length - 1]),
    });
  }),
  GroupNormalization: floats(grouped('GroupNormalization', 0)),
  InstanceNormalization: floats(grouped('InstanceNormalization', 1)),
};
