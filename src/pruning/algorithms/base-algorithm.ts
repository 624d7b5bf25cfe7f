import type { Graph } from '../../graph/graph.js';
import type { DynamicModel } from '../dynamic-ops/dynamic-model.js';
import { type ChannelMutator, createMutator, type MutatorConfig, type MutatorParts } from '../mutators/index.js';
import { ratioChoices } from '../targets/index.js';
import type { Choices } from './prune-schedule.js';
import type { PruneStep, Trainer } from './trainer.js';

export interface AlgorithmConfig {
  readonly mutator_cfg?: MutatorConfig;
  /** What remains in the end, by unit or for all units; absent: the current choices. */
  readonly target_pruning_ratio?: number | Choices;
}

export interface RunOptions {
  /** 0 prunes in one go, without training. */
  readonly epochs: number;
  /** The epoch to go on from; the mutator and the trainer have been put back to where its checkpoint left them. */
  readonly startEpoch?: number;
  readonly signal?: AbortSignal;
}

/** Controls the training process: decides when the model is pruned, and how far each time. */
export abstract class BaseAlgorithm {
  readonly mutator: ChannelMutator;
  /** The choices before any pruning. */
  protected readonly supernet: Choices;
  #target: Choices;

  /** @throws EspalierError when the config doesn't fit the architecture. */
  constructor(
    architecture: Graph | DynamicModel,
    { mutator_cfg, target_pruning_ratio }: AlgorithmConfig = {},
    parts?: MutatorParts,
  ) {
    this.mutator = createMutator({ ...mutator_cfg, ...(parts ? { parts } : {}) }, parts?.mutators);
    this.mutator.prepareFromSupernet(architecture);
    this.supernet = this.mutator.currentChoices;
    this.#target = this.supernet;
    if (target_pruning_ratio !== undefined) this.setTarget(target_pruning_ratio);
  }

  /** The choices that the last prune step sets. */
  get target(): Choices {
    return this.#target;
  }

  /** Sets the final choices, as a plan or ratios give them. @throws EspalierError UNIT_UNKNOWN, CHOICE_INVALID */
  setTarget(choices: number | Choices): void {
    this.#target = ratioChoices(this.mutator, choices);
  }

  /**
   * Runs the whole loop, or what is left of it from `startEpoch`.
   * @throws the signal's reason when it aborts, and whatever the trainer throws.
   */
  abstract run(trainer: Trainer, options: RunOptions): Promise<void>;

  /** Takes one prune step: importances are those of the trainer's current weights. */
  protected async prune(trainer: Trainer, step: Omit<PruneStep, 'choices'>, choices: Choices): Promise<void> {
    this.mutator.setWeights(await trainer.fullWeights());
    await trainer.prune({ ...step, choices: this.mutator.setChoices(choices) });
  }
}
