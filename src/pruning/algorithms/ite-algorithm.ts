import { EspalierError } from '../../errors.js';
import type { Graph } from '../../graph/graph.js';
import { type ChannelMutator, createMutator, type MutatorConfig } from '../mutators/index.js';
import { ratioChoices } from '../targets/index.js';
import { type Choices, PruneSchedule } from './prune-schedule.js';
import type { Trainer } from './trainer.js';

export interface IteConfig {
  readonly mutator_cfg?: MutatorConfig & { readonly type: string };
  /** What remains in the end, by unit or for all units; absent: the current choices. */
  readonly target_pruning_ratio?: number | Choices;
  /** Epochs from one prune step to the next; iterations when there is a single epoch. */
  readonly step_freq?: number;
  readonly prune_times?: number;
  readonly linear_schedule?: boolean;
}

export interface RunOptions {
  /** 0 prunes in one go, without training. */
  readonly epochs: number;
  /** The epoch to go on from; the mutator and the trainer have been put back to where its checkpoint left them. */
  readonly startEpoch?: number;
  readonly signal?: AbortSignal;
}

/**
 * Prunes iteratively: a prune step every `step_freq` epochs, the first before any training, `prune_times` in all, with
 * training between them and to the end of the epochs. Importances are taken from the current full weights at each step,
 * so a channel that was pruned can come back.
 * @example
 * const algorithm = new IteAlgorithm(graph, { mutator_cfg: { type: 'ChannelMutator' }, target_pruning_ratio: 0.5 });
 * await algorithm.run(trainer, { epochs: 6 });
 */
export class IteAlgorithm {
  readonly mutator: ChannelMutator;
  readonly #config: Required<Pick<IteConfig, 'step_freq' | 'prune_times' | 'linear_schedule'>>;
  readonly #supernet: Choices;
  #target: Choices;

  /** @throws EspalierError when the config doesn't fit the graph. */
  constructor(architecture: Graph, config: IteConfig = {}) {
    const { step_freq = 1, prune_times = 1, linear_schedule = true } = config;
    this.#config = { step_freq, prune_times, linear_schedule };
    this.mutator = createMutator(config.mutator_cfg ?? { type: 'ChannelMutator' });
    this.mutator.prepareFromSupernet(architecture);
    this.#supernet = this.mutator.currentChoices;
    this.#target = this.#supernet;
    if (config.target_pruning_ratio !== undefined) {
      this.setTarget(ratioChoices(this.mutator, config.target_pruning_ratio));
    }
  }

  /** The choices that the last prune step sets. */
  get target(): Choices {
    return this.#target;
  }

  /** Sets the final choices, as a plan or ratios give them. @throws EspalierError UNIT_UNKNOWN, CHOICE_INVALID */
  setTarget(choices: Choices): void {
    this.#target = ratioChoices(this.mutator, choices);
  }

  /**
   * The schedule of a run, in iterations.
   * @throws EspalierError CONFIG_INVALID when the last prune step would come after the end of training.
   */
  schedule(epochs: number, iterationsPerEpoch: number): PruneSchedule {
    const { step_freq, prune_times, linear_schedule } = this.#config;
    const byEpoch = epochs !== 1;
    const schedule = new PruneSchedule({
      stepFreq: byEpoch ? step_freq * iterationsPerEpoch : step_freq,
      pruneTimes: prune_times,
      linear: linear_schedule,
      supernet: this.#supernet,
      target: this.#target,
      isNumber: (name) => this.mutator.getMutableUnit(name).args.choice_mode === 'number',
    });
    const total = epochs * iterationsPerEpoch;
    if (schedule.lastPruneIteration >= total) {
      const [unit, there] = byEpoch ? ['epochs', epochs] : ['iterations', total];
      throw new EspalierError(
        'CONFIG_INVALID',
        `${prune_times} prune steps every ${step_freq} ${unit} need more than ${(prune_times - 1) * step_freq} ${unit} of training, there are ${there}`,
      );
    }
    return schedule;
  }

  /**
   * Runs the whole loop, or what is left of it from `startEpoch`.
   * @throws the signal's reason when it aborts, and whatever the trainer throws.
   */
  async run(trainer: Trainer, { epochs, startEpoch = 0, signal }: RunOptions): Promise<void> {
    if (epochs === 0) {
      signal?.throwIfAborted();
      await this.#prune(trainer, { step: 0, pruneTimes: 1, epoch: 0, iteration: 0 }, this.#target);
      return;
    }
    const { iterationsPerEpoch } = trainer;
    const schedule = this.schedule(epochs, iterationsPerEpoch);
    let iteration = startEpoch * iterationsPerEpoch;
    while (iteration < epochs * iterationsPerEpoch) {
      signal?.throwIfAborted();
      const epoch = Math.floor(iteration / iterationsPerEpoch);
      if (schedule.isPruneTime(iteration)) {
        const step = { step: schedule.stepAt(iteration), pruneTimes: schedule.pruneTimes, epoch, iteration };
        await this.#prune(trainer, step, this.#snapped(schedule.pruneAt(iteration)));
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

  async #prune(
    trainer: Trainer,
    step: { step: number; pruneTimes: number; epoch: number; iteration: number },
    choices: Choices,
  ): Promise<void> {
    this.mutator.setWeights(await trainer.fullWeights());
    await trainer.prune({ ...step, choices: this.mutator.setChoices(choices) });
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
