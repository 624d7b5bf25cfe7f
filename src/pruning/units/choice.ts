/** What a number means as a choice of a unit, by `choice_mode`. JSON can't tell 1 from 1.0, so the mode decides. */
import { EspalierError } from '../../errors.js';
import type { UnitArgs, UnitConfig } from '../config/unit-config.js';
import { ratioOf, roundCount, roundRatio } from './rounding.js';

type ChoiceArgs = Pick<UnitArgs, 'choice_mode' | 'candidate_choices'>;

/** What choices are, and how one becomes a number of channels and back, for one meaning of choices. */
interface ChoiceKind {
  /** What is expected instead of this choice; undefined when it can be one. */
  expected(choice: number, args: ChoiceArgs): string | undefined;
  count(choice: number, numChannels: number, args: UnitArgs): number;
  choice(count: number, numChannels: number, args: UnitArgs): number;
}

const ratio: ChoiceKind = {
  expected: (choice) =>
    typeof choice === 'number' && choice > 0 && choice <= 1
      ? undefined
      : 'a share in (0, 1], since choice_mode is "ratio"',
  count: roundRatio,
  choice: ratioOf,
};

const number: ChoiceKind = {
  expected: (choice) =>
    Number.isInteger(choice) && choice >= 1 ? undefined : 'a whole number of channels, since choice_mode is "number"',
  count: roundCount,
  choice: (count) => count,
};

const bucket: ChoiceKind = {
  expected: (choice, { candidate_choices = [] }) =>
    candidate_choices.includes(choice)
      ? undefined
      : `one of candidate_choices [${listed(candidate_choices)}], since choice_mode is "bucket"`,
  count: (choice, numChannels, args) => candidateKind(args).count(choice, numChannels, args),
  choice(count, numChannels, args) {
    const kind = candidateKind(args);
    const exact = candidatesOf(args).find((candidate) => kind.count(candidate, numChannels, args) === count);
    // The full width of a supernet need not be a candidate.
    return exact ?? kind.choice(count, numChannels, args);
  },
};

const KINDS: Readonly<Record<UnitArgs['choice_mode'], ChoiceKind>> = { ratio, number, bucket };

function listed(choices: readonly number[]): string {
  return choices.length > 20 ? `${choices.slice(0, 20).join(', ')}, …` : choices.join(', ');
}

/** The candidates of a `bucket` unit, ascending. */
export function candidatesOf({ candidate_choices = [] }: ChoiceArgs): number[] {
  return [...new Set(candidate_choices)].sort((a, b) => a - b);
}

/** What candidates are: shares when all of them are at most 1, numbers of channels otherwise. */
export function plainMode({ choice_mode, candidate_choices = [] }: ChoiceArgs): 'ratio' | 'number' {
  if (choice_mode !== 'bucket') return choice_mode;
  return candidate_choices.every((candidate) => candidate <= 1) ? 'ratio' : 'number';
}

function candidateKind(args: UnitArgs): ChoiceKind {
  return KINDS[plainMode(args)];
}

/** The arguments of one unit: its own over the defaults. */
export function unitArgsOf(unit: UnitConfig | undefined, defaults: UnitArgs): UnitArgs {
  return { ...defaults, ...unit?.init_args };
}

/**
 * Arguments that don't go with the others, each with what is wrong with it.
 * @param own those to blame: what is wrong without them is not told.
 */
export function argsFaults(args: UnitArgs, own: Partial<UnitArgs> = args): [keyof UnitArgs, string][] {
  const { floor, cap } = args;
  const faults: [keyof UnitArgs, string][] = [];
  if (own.choice_mode === 'bucket' && !args.candidate_choices?.length) {
    faults.push(['candidate_choices', 'is needed, since choice_mode is "bucket"']);
  }
  const bounded = own.floor !== undefined || own.cap !== undefined;
  if (bounded && floor !== undefined && cap !== undefined && floor > cap) {
    faults.push(['floor', `${floor} is above cap, ${cap}`]);
  }
  return faults;
}

/**
 * Why a unit with these arguments can't take this choice; undefined when it can.
 * @example choiceFault(2, { choice_mode: 'ratio', … }) // 'must be a share in (0, 1], since choice_mode is "ratio", found 2'
 */
export function choiceFault(choice: number, args: ChoiceArgs, numChannels?: number): string | undefined {
  const expected = KINDS[args.choice_mode].expected(choice, args);
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
export function keepsAll(choice: number, args: ChoiceArgs, numChannels?: number): boolean {
  return choice === (plainMode(args) === 'ratio' ? 1 : numChannels);
}

/** @throws EspalierError CHOICE_INVALID naming the unit, for a {@link choiceFault}. */
export function requireChoice(choice: number, unit: string, args: ChoiceArgs, numChannels?: number): void {
  const fault = choiceFault(choice, args, numChannels);
  if (fault) throw new EspalierError('CHOICE_INVALID', `choice of unit ${unit} ${fault}`);
}

/** How many channels a choice keeps, after rounding. @throws EspalierError as {@link requireChoice} */
export function countOfChoice(choice: number, unit: string, numChannels: number, args: UnitArgs): number {
  requireChoice(choice, unit, args, numChannels);
  return KINDS[args.choice_mode].count(choice, numChannels, args);
}

/** The choice that keeps this many channels. */
export function choiceOfCount(count: number, numChannels: number, args: UnitArgs): number {
  return KINDS[args.choice_mode].choice(count, numChannels, args);
}
