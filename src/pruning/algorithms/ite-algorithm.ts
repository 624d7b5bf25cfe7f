import Type from 'typebox';
import { aboutDependent, withDefaults } from '../../checks/index.js';
import { EspalierError } from '../../errors.js';
import type { Graph } from '../../graph/graph.js';
import { algorithmInCode } from '../config/in-code.js';
import type { AlgorithmParameters } from '../config/named.js';
import { algorithmSchema } from '../config/schema.js';
import type { DynamicModel } from '../dynamic-ops/dynamic-model.js';
import type { MutatorParts } from '../mutators/index.js';
import { type AlgorithmConfig, BaseAlgorithm, type RunOptions } from './base-algorithm.js';
import { type Choices, PruneSchedule } from './prune-schedule.js';
import { pruneSteps } from './prune-steps.js';
import type { Trainer } from './trainer.js';

export interface IteConfig extends AlgorithmConfig {
  /** Epochs from one prune step to the next; iterations when there is a single epoch. */
  readonly step_freq?: number;
  readonly prune_times?: number;
  readonly linear_schedule?: boolean;
}

/** Fields of this algorithm only: no client may fill them in for another. */
const parameters = {
  step_freq: Type.Integer({
    minimum: 1,
    maximum: 10000,
    ...aboutDependent('Epochs between prune steps; iterations where `finetune.epochs` is 1.', 1),
  }),
  prune_times: Type.Integer({
    minimum: 1,
    maximum: 10000,
    ...pruneSteps({ every: 'step_freq', default: 3 }),
    description:
      'Prune steps. Default 3 where `finetune.epochs` says how long is trained (fewer when those are too few) or `recovery.method` is `none`, else 1. The last one, at (prune_times - 1) * step_freq, must come before the last epoch ends.',
  }),
  linear_schedule: Type.Boolean(aboutDependent('Step by step to the target, or all of it at the first step.', true)),
};

const Schema = algorithmSchema(parameters, {});

/**
 * Prunes iteratively: a prune step every `step_freq` epochs, the first before any training, `prune_times` in all, with
 * training between them and to the end of the epochs. Importances are taken from the current full weights at each step,
 * so a channel that was pruned can come back.
 * @example
 * const algorithm = new IteAlgorithm(graph, { mutator_cfg: { type: 'ChannelMutator' }, target_pruning_ratio: 0.5 });
 * await algorithm.run(trainer, { epochs: 6 });
 */
export class IteAlgorithm extends BaseAlgorithm {
  static readonly parameters: AlgorithmParameters = parameters;

  readonly #config: Required<Pick<IteConfig, keyof typeof parameters>>;

  /** @throws EspalierError when the config is not valid, or doesn't fit the architecture. */
  constructor(architecture: Graph | DynamicModel, config: IteConfig = {}, parts?: MutatorParts) {
    const { mutator_cfg, ...fields } = config;
    const checked = algorithmInCode<IteConfig>(Schema, fields);
    super(architecture, { ...checked, ...(mutator_cfg ? { mutator_cfg } : {}) }, parts);
    this.#config = { prune_times: 1, ...(withDefaults(Schema, checked) as Required<Omit<IteConfig, 'prune_times'>>) };
  }

  /**
   * The schedule of a run, in iterations.
   * @throws EspalierError CONFIG_INVALID when the last prune step would come after the end of training.
   */
  schedule(epochs: number, iterationsPerEpoch: number): PruneSchedule {
    const { step_freq, prune_times, linear_schedule } = this.#config;
    const schedule = new PruneSchedule({
      stepFreq: byEpoch(epochs) ? step_freq * iterationsPerEpoch : step_freq,
      pruneTimes: prune_times,
      linear: linear_schedule,
      supernet: this.supernet,
      target: this.target,
      isNumber: (name) => this.mutator.getMutableUnit(name).args.choice_mode === 'number',
    });
    const total = epochs * iterationsPerEpoch;
    if (schedule.lastPruneIteration >= total) {
      const [unit, there] = byEpoch(epochs) ? ['epochs', epochs] : ['iterations', total];
      throw new EspalierError(
        'CONFIG_INVALID',
        `${prune_times} prune steps every ${step_freq} ${unit} need more than ${(prune_times - 1) * step_freq} ${unit} of training, there are ${there}`,
      );
    }
    return schedule;
  }

  async run(trainer: Trainer, { epochs, startEpoch = 0, signal }: RunOptions): Promise<void> {
    if (epochs === 0) {
      signal?.throwIfAborted();
      await this.prune(trainer, { step: 0, pruneTimes: 1, epoch: 0, iteration: 0, by: 'epoch' }, this.target);
      return;
    }
    const { iterationsPerEpoch } = trainer;
    const by = byEpoch(epochs) ? ('epoch' as const) : ('iter' as const);
    const schedule = this.schedule(epochs, iterationsPerEpoch);
    let iteration = startEpoch * iterationsPerEpoch;
    while (iteration < epochs * iterationsPerEpoch) {
      signal?.throwIfAborted();
      const epoch = Math.floor(iteration / iterationsPerEpoch);
      if (schedule.isPruneTime(iteration)) {
        const step = { step: schedule.stepAt(iteration), pruneTimes: schedule.pruneTimes, epoch, iteration, by };
        await this.prune(trainer, step, this.#snapped(schedule.pruneAt(iteration)));
        signal?.throwIfAborted();
      }
      const epochEnd = (epoch + 1) * iterationsPerEpoch;
      const next = Math.min(epochEnd, schedule.nextPruneTime(iteration) ?? epochEnd);
      const from = iteration - epoch * iterationsPerEpoch;
      const to = next - epoch * iterationsPerEpoch;
      await trainer.train({ epoch, from, to, endsEpoch: next === epochEnd }, signal);
      iteration = next;
    }
  }

  /** Between the supernet and the target a bucket unit takes the next candidate above, as it has no others. */
  #snapped(choices: Choices): Choices {
    return Object.fromEntries(
      Object.entries(choices).map(([name, choice]) => {
        const candidates = this.mutator.getMutableUnit(name).candidateChoices;
        if (!candidates) return [name, choice];
        return [name, candidates.find((candidate) => candidate >= choice) ?? candidates[candidates.length - 1]];
      }),
    );
  }
}

/** With a single epoch, steps are counted in iterations. */
function byEpoch(epochs: number): boolean {
  return epochs !== 1;
}
