import { EspalierError } from '../../errors.js';
import { bucketsAreShares, choiceFault } from '../../prune-config/index.js';
import type { UnitArgs } from '../../prune-config/resolved.js';
import { ratioOf, roundCount, roundRatio } from './rounding.js';

/** How a choice becomes a number of channels and back, for one meaning of choices. */
interface ChoiceKind {
  count(choice: number, numChannels: number, args: UnitArgs): number;
  choice(count: number, numChannels: number, args: UnitArgs): number;
}

const ratio: ChoiceKind = { count: roundRatio, choice: ratioOf };

const number: ChoiceKind = { count: roundCount, choice: (count) => count };

const bucket: ChoiceKind = {
  count: (choice, numChannels, args) => candidateKind(args).count(choice, numChannels, args),
  choice(count, numChannels, args) {
    const kind = candidateKind(args);
    const exact = candidatesOf(args).find((candidate) => kind.count(candidate, numChannels, args) === count);
    // The full width of a supernet need not be a candidate.
    return exact ?? kind.choice(count, numChannels, args);
  },
};

/** What a number means is decided by `choice_mode`, never by the number's type: JSON can't tell 1 from 1.0. */
const KINDS: Readonly<Record<UnitArgs['choice_mode'], ChoiceKind>> = { ratio, number, bucket };

/** The candidates of a `bucket` unit, ascending. */
export function candidatesOf(args: UnitArgs): number[] {
  return [...new Set(args.candidate_choices ?? [])].sort((a, b) => a - b);
}

function candidateKind(args: UnitArgs): ChoiceKind {
  return bucketsAreShares(candidatesOf(args)) ? ratio : number;
}

/** How many channels a choice keeps, after rounding. @throws EspalierError CHOICE_INVALID naming the unit. */
export function countOfChoice(choice: number, unit: string, numChannels: number, args: UnitArgs): number {
  const fault = choiceFault(choice, args, numChannels);
  if (fault) throw new EspalierError('CHOICE_INVALID', `choice of unit ${unit} ${fault}`);
  return KINDS[args.choice_mode].count(choice, numChannels, args);
}

/** The choice that keeps this many channels. */
export function choiceOfCount(count: number, numChannels: number, args: UnitArgs): number {
  return KINDS[args.choice_mode].choice(count, numChannels, args);
}
