import type { JobListener } from '../../contract.js';
import { type ChannelMutator, type ChoiceRecord, countOfChoice } from '../../pruning/index.js';

/** Units that are named in the warning; the report's schedule has all of them. */
const MOST_NAMED = 10;

/**
 * Warns of units that keep another number of channels than was asked for, because of their divisor, least value or least
 * ratio. A share that comes to a broken number of channels is rounded down as the user expects: that is no news.
 */
export function warnOfRounding(
  mutator: ChannelMutator,
  choices: Readonly<Record<string, ChoiceRecord>>,
  listener: Pick<JobListener, 'warning'>,
): void {
  const changed = mutator.mutableUnits.flatMap((unit) => {
    const record = choices[unit.name];
    if (!record || unit.args.choice_mode === 'bucket') return [];
    const { choice, activatedChannels } = record;
    const asked = countOfChoice(choice, unit.name, unit.numChannels, { ...unit.args, divisor: 1, min_value: 1 });
    return asked === activatedChannels ? [] : [`${unit.name} keeps ${activatedChannels} instead of ${asked}`];
  });
  if (changed.length === 0) return;
  const more = changed.length > MOST_NAMED ? `, and ${changed.length - MOST_NAMED} more` : '';
  listener.warning({
    code: 'CHOICE_ROUNDED',
    message: `rounding (divisor, min_value, min_ratio) changed choices: ${changed.slice(0, MOST_NAMED).join(', ')}${more}`,
  });
}
