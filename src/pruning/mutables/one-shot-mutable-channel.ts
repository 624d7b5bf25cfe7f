import { SequentialMutableChannel } from './sequential-mutable-channel.js';

/** A mutable that keeps the first k channels, where k is one of a few candidates; the largest at first. */
export class OneShotMutableChannel extends SequentialMutableChannel {
  /** Numbers of channels, ascending. */
  readonly candidateChoices: readonly number[];

  /** @throws RangeError without candidates, or for one outside 1…numChannels. */
  constructor(numChannels: number, candidateChoices: readonly number[]) {
    super(numChannels);
    if (candidateChoices.length === 0) throw new RangeError('a one-shot mutable channel needs candidates');
    this.candidateChoices = [...candidateChoices].sort((a, b) => a - b);
    for (const candidate of this.candidateChoices) super.currentChoice = candidate;
  }

  override get currentChoice(): number {
    return super.currentChoice;
  }

  /** @throws RangeError for a number that is no candidate, Error when the mutable is fixed. */
  override set currentChoice(count: number) {
    if (!this.candidateChoices.includes(count)) {
      throw new RangeError(`one of ${this.candidateChoices.join(', ')} is needed, got ${count}`);
    }
    super.currentChoice = count;
  }
}
