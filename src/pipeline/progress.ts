import type { JobListener, Phase } from '../contract.js';

/** The share of a job's progress bar that each phase ends at: with training, and without. */
const ENDS: Readonly<Record<Phase, readonly [number, number]>> = {
  loading: [0.02, 0.1],
  analyzing: [0.04, 0.2],
  baseline: [0.1, 0.5],
  pruning: [0.15, 0.55],
  recovering: [0.2, 0.6],
  finetuning: [0.88, 0.6],
  exporting: [0.88, 0.6],
  verifying: [0.97, 0.95],
  evaluating: [0.97, 0.95],
};

/** Of what is left after the evaluation. */
const CONTROLS_SHARE = 0.9;

/** Keeps a job's phase and progress: progress never falls, whatever is reported. */
export class Progress {
  readonly #listener: JobListener;
  readonly #trains: boolean;
  #fraction = 0;
  #phase: Phase | undefined;

  constructor(listener: JobListener, trains: boolean) {
    this.#listener = listener;
    this.#trains = trains;
  }

  begin(phase: Phase): void {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#listener.phase(phase);
  }

  end(phase: Phase): void {
    this.#report(this.#endOf(phase));
  }

  /** @param share of training that is done, in [0, 1] */
  training(share: number): void {
    const start = this.#endOf('recovering');
    this.#report(start + share * (this.#endOf('finetuning') - start));
  }

  /** @param share of the phase that is done, in [0, 1]; what came before it is done */
  within(phase: 'pruning' | 'recovering', share: number): void {
    const start = this.#endOf(phase === 'pruning' ? 'baseline' : 'pruning');
    this.#report(start + share * (this.#endOf(phase) - start));
  }

  /** @param share of the controls that have been run, in [0, 1] */
  controls(share: number): void {
    const start = this.#endOf('evaluating');
    this.#report(start + CONTROLS_SHARE * share * (1 - start));
  }

  done(): void {
    this.#report(1);
  }

  #endOf(phase: Phase): number {
    return ENDS[phase][this.#trains ? 0 : 1];
  }

  #report(fraction: number): void {
    if (fraction <= this.#fraction) return;
    this.#fraction = fraction;
    this.#listener.progress(fraction);
  }
}
