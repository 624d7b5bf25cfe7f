import { EspalierError } from '../../errors.js';
import type { UnitArgs, UnitConfig } from '../config/unit-config.js';
import { type MutableChannel, OneShotMutableChannel } from '../mutables/index.js';
import type { ChannelUnit } from '../tracer/index.js';
import { choiceFault, choiceOfCount, countOfChoice, plainMode, requireChoice } from './choice.js';
import { DEFAULT_UNIT_ARGS } from './default-args.js';
import { ownMutable } from './mutable-channel-unit.js';
import { PositionalChannelUnit } from './positional-channel-unit.js';

/** What one-shot units may keep when a config says nothing else. */
export const ONE_SHOT_CANDIDATES: readonly number[] = [0.5, 1];

/**
 * Keeps the first k channels, where k comes from a few candidates: shares in `ratio` mode, numbers in `number` mode, in
 * `bucket` mode shares when all of them are at most 1. Candidates are rounded as choices are and sorted; two that come to
 * the same stay two, so that the i-th candidates of all units are still the i-th subnet.
 * @example candidates [0.3, 0.6, 1] of 16 channels with divisor 8 are [0.5, 1, 1]
 */
export class OneShotChannelUnit extends PositionalChannelUnit {
  readonly mutableChannel: OneShotMutableChannel;
  readonly #candidates: readonly number[];

  /** @throws EspalierError CONFIG_INVALID for candidates that the mode doesn't allow. */
  constructor(channelUnit: ChannelUnit, args: UnitArgs = DEFAULT_UNIT_ARGS, mutable?: MutableChannel) {
    const given = mutable instanceof OneShotMutableChannel ? mutable.candidateChoices : undefined;
    const wanted = args.candidate_choices ?? ONE_SHOT_CANDIDATES;
    const plain = {
      ...args,
      choice_mode: plainMode({ ...args, candidate_choices: wanted }),
      candidate_choices: wanted,
    };
    super(channelUnit, plain);
    const { numChannels } = channelUnit;
    const counts = given
      ? [...given]
      : wanted.map((candidate) => countOfCandidate(candidate, channelUnit, plain, this.isMutable));
    counts.sort((a, b) => a - b);
    this.#candidates = counts.map((count) => choiceOfCount(count, numChannels, plain));
    this.mutableChannel = ownMutable(this, OneShotMutableChannel, mutable, () => {
      return new OneShotMutableChannel(numChannels, counts);
    });
  }

  /** Rounded, ascending, one for each that was given. */
  override get candidateChoices(): readonly number[] {
    return this.#candidates;
  }

  get minChoice(): number {
    return this.#candidates[0];
  }

  get maxChoice(): number {
    return this.#candidates[this.#candidates.length - 1];
  }

  override get initArgs(): NonNullable<UnitConfig['init_args']> {
    return { ...super.initArgs, candidate_choices: this.#candidates };
  }

  override countFor(choice: number): number {
    requireChoice(choice, this.name, { choice_mode: 'bucket', candidate_choices: this.#candidates });
    return super.countFor(choice);
  }
}

/** A unit that keeps all of its channels anyway, as the model's input does, may be narrower than the candidates. */
function countOfCandidate(
  candidate: number,
  { name, numChannels }: ChannelUnit,
  args: UnitArgs,
  isMutable: boolean,
): number {
  const fault = choiceFault(candidate, args, numChannels);
  if (fault && !isMutable && candidate > numChannels) return numChannels;
  if (fault) throw new EspalierError('CONFIG_INVALID', `unit ${name}: candidate_choices: ${candidate} ${fault}`);
  return countOfChoice(candidate, name, numChannels, args);
}

/** A one-shot unit whose candidates are the widths of the subnets of a slimmable network; the full width alone by default. */
export class SlimmableChannelUnit extends OneShotChannelUnit {
  constructor(channelUnit: ChannelUnit, args: UnitArgs = DEFAULT_UNIT_ARGS, mutable?: MutableChannel) {
    const full = args.choice_mode === 'number' ? channelUnit.numChannels : 1;
    super(channelUnit, { ...args, candidate_choices: args.candidate_choices ?? [full] }, mutable);
  }
}
