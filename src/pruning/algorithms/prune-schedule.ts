/** A choice for each unit, by unit name. */
export type Choices = Readonly<Record<string, number>>;

export interface PruneScheduleOptions {
  /** Iterations from one prune step to the next. */
  readonly stepFreq: number;
  /** Number of prune steps. */
  readonly pruneTimes: number;
  /** True: the choices go from the supernet's to the target's in equal steps. False: the target at once, repeated. */
  readonly linear: boolean;
  /** Choices before any pruning. Units that the target leaves out are left alone. */
  readonly supernet: Choices;
  readonly target: Choices;
  /** True for units whose choices are whole numbers of channels: interpolated ones are truncated. */
  isNumber(unit: string): boolean;
}

/**
 * When to prune, and how far: the first step is at iteration 0, before any training, the last at
 * `(pruneTimes - 1) · stepFreq`. Iterations are counted over all epochs.
 * @example
 * // 3 steps from 1.0 to 0.4 every 100 iterations: 0.8 at 0, 0.6 at 100, 0.4 at 200
 */
export class PruneSchedule {
  readonly #options: PruneScheduleOptions;

  constructor(options: PruneScheduleOptions) {
    this.#options = options;
  }

  get pruneTimes(): number {
    return this.#options.pruneTimes;
  }

  /** The iteration of the last prune step. */
  get lastPruneIteration(): number {
    return (this.#options.pruneTimes - 1) * this.#options.stepFreq;
  }

  isPruneTime(iteration: number): boolean {
    const { stepFreq, pruneTimes } = this.#options;
    return iteration % stepFreq === 0 && Math.floor(iteration / stepFreq) < pruneTimes;
  }

  /** The first prune iteration after this one, if any is left. */
  nextPruneTime(iteration: number): number | undefined {
    const { stepFreq } = this.#options;
    const next = (Math.floor(iteration / stepFreq) + 1) * stepFreq;
    return next <= this.lastPruneIteration ? next : undefined;
  }

  /** Which step (0-based) an iteration belongs to. */
  stepAt(iteration: number): number {
    return Math.floor(iteration / this.#options.stepFreq);
  }

  /** The choices of the step at this iteration; the last step's are the target's, exactly. */
  pruneAt(iteration: number): Record<string, number> {
    const { pruneTimes, linear, supernet, target, isNumber } = this.#options;
    const times = this.stepAt(iteration) + 1;
    const share = times / pruneTimes;
    const choices: Record<string, number> = {};
    for (const [unit, goal] of Object.entries(target)) {
      const from = supernet[unit];
      const choice = linear && share < 1 ? (goal - from) * share + from : goal;
      choices[unit] = isNumber(unit) ? Math.trunc(choice) : choice;
    }
    return choices;
  }
}
