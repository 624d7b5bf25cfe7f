/**
 * A plugin: parts of one's own, from a module outside of `src/`. Compile it, start the service with
 * `ESPALIER_PLUGINS=/path/to/geometric-median.js`, and configs may say `geometric_median`, `BatchNormChannelUnit` and
 * `OneTimeAlgorithm`. What it needs of Espalier it is given; of its own imports only types come from there.
 */
import type {
  AlgorithmConfig,
  ChannelUnit,
  Criterion,
  ImportanceSource,
  PluginModule,
  RunOptions,
  Trainer,
} from '../../src/index.js';

const plugin: PluginModule = ({ BaseAlgorithm, CriterionChannelUnit, findFilters }) => {
  /**
   * FPGM (He et al., 2019): a filter near the geometric median of its layer is replaceable by the others. The importance
   * of a channel is the sum of the distances of its filter to all others, averaged over the layers that make it.
   */
  const geometricMedian: Criterion = {
    name: 'geometric_median',
    importance(unit, source) {
      const layers = unit.outputRelated.flatMap((related) => {
        const filters = findFilters(related.node);
        const weights = filters && source.weights(filters.value);
        if (!filters || !weights) return [];
        const axis = filters.axis(weights.shape.length);
        const rows = filtersOf(weights.data as Float32Array, weights.shape, axis);
        // One filter a channel is what this criterion compares.
        return rows.length >= related.end ? [{ related, rows }] : [];
      });
      if (layers.length === 0) return undefined;
      return Float64Array.from({ length: unit.numChannels }, (_, c) => {
        const sums = layers.map(({ related, rows }) => {
          const own = rows[related.indices[related.offsets[c]]];
          return rows.reduce((sum, other) => sum + distance(own, other), 0);
        });
        return sums.reduce((sum, value) => sum + value, 0) / sums.length;
      });
    },
  };

  /** Network slimming (Liu et al., 2017): the importance of a channel is the scale of the batch norm that it goes through. */
  class BatchNormChannelUnit extends CriterionChannelUnit {
    constructor(unit: ChannelUnit, ...rest: [args?: ConstructorParameters<typeof CriterionChannelUnit>[2]]) {
      super(unit, { name: 'batch_norm_scale', importance: batchNormScale }, ...rest);
    }
  }

  /** Trains the whole model for a share of the epochs, prunes it once, trains what is left. */
  class OneTimeAlgorithm extends BaseAlgorithm {
    readonly #share: number;

    constructor(share: number, ...rest: ConstructorParameters<typeof BaseAlgorithm>) {
      super(...rest);
      this.#share = share;
    }

    async run(trainer: Trainer, { epochs, startEpoch = 0, signal }: RunOptions): Promise<void> {
      const { iterationsPerEpoch: to } = trainer;
      const pruneAt = Math.floor(epochs * this.#share);
      for (let epoch = startEpoch; epoch < Math.max(epochs, 1); epoch++) {
        signal?.throwIfAborted();
        if (epoch === pruneAt) {
          const step = { step: 0, pruneTimes: 1, epoch, iteration: epoch * to, by: 'epoch' as const };
          await this.prune(trainer, step, this.target);
        }
        if (epochs > 0) await trainer.train({ epoch, from: 0, to, endsEpoch: true }, signal);
      }
    }
  }

  return {
    criteria: [geometricMedian],
    unitTypes: [{ name: 'BatchNormChannelUnit', create: (unit, args) => new BatchNormChannelUnit(unit, args) }],
    algorithms: [
      {
        name: 'OneTimeAlgorithm',
        parameters: {
          prune_after: {
            type: 'number',
            minimum: 0,
            exclusiveMaximum: 1,
            default: 0.5,
            description: 'The share of the epochs that come before the prune step.',
          },
        },
        create: (graph, config: AlgorithmConfig & { readonly prune_after?: number }, parts) =>
          new OneTimeAlgorithm(config.prune_after!, graph, config, parts),
      },
    ],
  };
};

export default plugin;

function batchNormScale(unit: ChannelUnit, source: ImportanceSource): Float64Array | undefined {
  const norm = unit.outputRelated.find(({ node }) => node.op === 'BatchNormalization');
  const scale = norm && source.weights(norm.node.inputs[1]);
  if (!norm || !scale) return undefined;
  return Float64Array.from({ length: unit.numChannels }, (_, c) =>
    Math.abs(Number(scale.data[norm.indices[norm.offsets[c]]])),
  );
}

/** The weights of each index along one axis. */
function filtersOf(data: Float32Array, shape: readonly number[], axis: number): Float64Array[] {
  const inner = shape.slice(axis + 1).reduce((product, extent) => product * extent, 1);
  const filters = Array.from({ length: shape[axis] }, () => new Float64Array(data.length / shape[axis]));
  const filled = new Int32Array(shape[axis]);
  data.forEach((weight, i) => {
    const filter = Math.floor(i / inner) % shape[axis];
    filters[filter][filled[filter]++] = weight;
  });
  return filters;
}

function distance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return Math.sqrt(sum);
}
