import { EspalierError } from '../../errors.js';
import type { Reason } from '../../graph/channels.js';
import type { UnitArgs, UnitConfig } from '../config/unit-config.js';
import type { ImportanceSource, SampleMeasure } from '../importance/index.js';
import { keptOfMask, type MutableChannel } from '../mutables/index.js';
import type { ChannelUnit } from '../tracer/index.js';
import { candidatesOf, choiceOfCount, countOfChoice } from './choice.js';
import { DEFAULT_UNIT_ARGS } from './default-args.js';
import { roundCount } from './rounding.js';

/** What a unit was set to: `choice` as asked for, `current` as it is after rounding. */
export interface ChoiceRecord {
  readonly choice: number;
  readonly current: number;
  readonly activatedChannels: number;
}

/**
 * Takes one decision for all coupled channels: how many of them stay, and (in the subclasses) which.
 *
 * A choice is a number whose meaning `choice_mode` gives: `ratio`, the remaining share in (0, 1]; `number`, how many
 * channels stay; `bucket`, one of `candidate_choices`. The mask is in `mutableChannel`.
 */
export abstract class MutableChannelUnit {
  readonly channelUnit: ChannelUnit;
  readonly args: UnitArgs;
  abstract readonly mutableChannel: MutableChannel;

  constructor(channelUnit: ChannelUnit, args: UnitArgs = DEFAULT_UNIT_ARGS) {
    this.channelUnit = channelUnit;
    this.args = args;
  }

  get name(): string {
    return this.channelUnit.name;
  }

  get numChannels(): number {
    return this.channelUnit.numChannels;
  }

  get isMutable(): boolean {
    return this.channelUnit.reason === undefined;
  }

  /** What {@link importance} goes by, for reports. */
  criterion(_source: ImportanceSource): string {
    return 'position';
  }

  /** What it goes by, where that was measured on samples. */
  get bySamples(): SampleMeasure | undefined {
    return undefined;
  }

  /** Why this kind of unit can't take this unit's channels, though they could be pruned. */
  unfitReason(_source: ImportanceSource): Reason | undefined {
    return undefined;
  }

  /** How many channels a choice keeps, after rounding. @throws EspalierError CHOICE_INVALID */
  countFor(choice: number): number {
    return countOfChoice(choice, this.name, this.numChannels, this.args);
  }

  /** The choice that keeps this many channels. */
  choiceFor(count: number): number {
    return choiceOfCount(count, this.numChannels, this.args);
  }

  /** Where only some choices are allowed (`bucket` mode, one-shot units) those, ascending; else undefined. */
  get candidateChoices(): readonly number[] | undefined {
    return this.args.choice_mode === 'bucket' ? candidatesOf(this.args) : undefined;
  }

  /** The choice as it is after rounding; setting it again changes nothing. */
  get currentChoice(): number {
    return this.choiceFor(this.activatedChannels);
  }

  get currentMask(): Uint8Array {
    return this.mutableChannel.currentMask;
  }

  get activatedChannels(): number {
    return this.mutableChannel.activatedChannels;
  }

  /** Unit channels that stay, ascending. */
  get keptIndices(): Int32Array {
    return keptOfMask(this.currentMask);
  }

  /**
   * Sets how many channels stay, and picks which.
   * @throws EspalierError CHOICE_INVALID for a choice that `choice_mode` doesn't allow.
   */
  setChoice(choice: number, source: ImportanceSource): ChoiceRecord {
    this.keep(this.countFor(choice), source);
    return { choice, current: this.currentChoice, activatedChannels: this.activatedChannels };
  }

  /** A choice at random: every number of channels (or candidate) is equally likely, before rounding. */
  sampleChoice(random: () => number): number {
    const candidates = this.candidateChoices;
    if (candidates) return candidates[Math.floor(random() * candidates.length)];
    const count = 1 + Math.floor(random() * this.numChannels);
    return this.choiceFor(roundCount(count, this.numChannels, this.args));
  }

  /** Every number of channels that some choice comes to, ascending. */
  reachableCounts(): number[] {
    const choices = this.candidateChoices ?? Array.from({ length: this.numChannels }, (_, i) => this.choiceFor(i + 1));
    return [...new Set(choices.map((choice) => this.countFor(choice)))].sort((a, b) => a - b);
  }

  /** How much each unit channel matters; undefined for a unit that keeps channels by position alone. */
  abstract importance(source: ImportanceSource): Float64Array | undefined;

  /** Keeps this many channels. */
  protected abstract keep(count: number, source: ImportanceSource): void;

  /** Restores a mask that was taken before, from a checkpoint. */
  abstract restoreMask(mask: Uint8Array): void;

  /** Makes the current choice final. */
  fixChosen(): void {
    this.mutableChannel.fixChosen();
  }

  /** The constructor's arguments, as a config says them. */
  get initArgs(): NonNullable<UnitConfig['init_args']> {
    return { num_channels: this.numChannels, ...this.args };
  }
}

/**
 * The mutable of a unit: the one that a predefined model brings, if it is of the kind that the unit works with, or a new one.
 * @throws EspalierError CONFIG_INVALID for a mutable of another kind.
 */
export function ownMutable<M extends MutableChannel>(
  unit: MutableChannelUnit,
  kind: abstract new (...args: never[]) => M,
  given: MutableChannel | undefined,
  create: () => M,
): M {
  if (!given) return create();
  if (given instanceof kind) return given;
  throw new EspalierError(
    'CONFIG_INVALID',
    `unit ${unit.name} is a ${unit.constructor.name}, which takes a ${kind.name}; the model has a ${given.constructor.name}`,
  );
}
