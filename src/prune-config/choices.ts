/** What a number means as a choice of a unit, by `choice_mode`. JSON can't tell 1 from 1.0, so the mode decides. */
import type { UnitArgs, UnitConfig } from './resolved.js';

/** `bucket` choices are shares when all candidates are at most 1, numbers of channels otherwise. */
export function bucketsAreShares(candidates: readonly number[]): boolean {
  return candidates.every((candidate) => candidate <= 1);
}

const MODES: Readonly<Record<UnitArgs['choice_mode'], (choice: number, args: UnitArgs) => string | undefined>> = {
  ratio: (choice) =>
    typeof choice === 'number' && choice > 0 && choice <= 1
      ? undefined
      : 'a share in (0, 1], since choice_mode is "ratio"',
  number: (choice) =>
    Number.isInteger(choice) && choice >= 1 ? undefined : 'a whole number of channels, since choice_mode is "number"',
  bucket: (choice, args) =>
    args.candidate_choices?.includes(choice)
      ? undefined
      : `one of candidate_choices [${listed(args.candidate_choices ?? [])}], since choice_mode is "bucket"`,
};

function listed(choices: readonly number[]): string {
  return choices.length > 20 ? `${choices.slice(0, 20).join(', ')}, …` : choices.join(', ');
}

/** The arguments of one unit: its own over the defaults. */
export function unitArgsOf(unit: UnitConfig | undefined, defaults: UnitArgs): UnitArgs {
  return { ...defaults, ...unit?.init_args };
}

/**
 * Why a unit with these arguments can't take this choice; undefined when it can.
 * @example choiceFault(2, { choice_mode: 'ratio', … }) // 'must be a share in (0, 1], since choice_mode is "ratio", found 2'
 */
export function choiceFault(choice: number, args: UnitArgs, numChannels?: number): string | undefined {
  const expected = MODES[args.choice_mode](choice, args);
  if (expected) return `must be ${expected}, found ${choice}`;
  if (args.choice_mode === 'number' && numChannels !== undefined && choice > numChannels) {
    return `must be at most ${numChannels}, the channels of the unit, found ${choice}`;
  }
  return undefined;
}

/**
 * True for a choice that leaves a unit whole. A template has such choices for what is not pruned: they say nothing, and
 * are allowed where the full width is no candidate too.
 */
export function keepsAll(choice: number, args: UnitArgs, numChannels?: number): boolean {
  const { choice_mode, candidate_choices = [] } = args;
  const share = choice_mode === 'ratio' || (choice_mode === 'bucket' && bucketsAreShares(candidate_choices));
  return choice === (share ? 1 : numChannels);
}
