import type { JobListener, Phase } from '../contract.js';

/** The share of a job's progress bar that each stage ends at, with training and without. */
const WITH_TRAINING = { loaded: 0.02, analyzed: 0.04, baseline: 0.1, trained: 0.88, evaluated: 0.93, verified: 0.97 };
const WITHOUT = { loaded: 0.1, analyzed: 0.2, baseline: 0.5, trained: 0.6, evaluated: 0.8, verified: 0.95 };

export type Stage = keyof typeof WITHOUT;

/** Keeps a job's phase and progress: progress never falls, whatever is reported. */
export class Progress {
  readonly #listener: JobListener;
  readonly #ends: Readonly<Record<Stage, number>>;
  #fraction = 0;
  #phase: Phase | undefined;

  constructor(listener: JobListener, trains: boolean) {
    this.#listener = listener;
    this.#ends = trains ? WITH_TRAINING : WITHOUT;
  }

  phase(phase: Phase): void {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#listener.phase(phase);
  }

  reached(stage: Stage): void {
    this.#report(this.#ends[stage]);
  }

  /** @param share of training that is done, in [0, 1] */
  training(share: number): void {
    this.#report(this.#ends.baseline + share * (this.#ends.trained - this.#ends.baseline));
  }

  done(): void {
    this.#report(1);
  }

  #report(fraction: number): void {
    if (fraction <= this.#fraction) return;
    this.#fraction = fraction;
    this.#listener.progress(fraction);
  }
}
