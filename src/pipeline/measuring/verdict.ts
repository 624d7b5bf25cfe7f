import type { StageRow, Warning } from '../../contract.js';
import { percent, rangeText, samplesText } from './words.js';

/** One point of accuracy. */
const MOST_DROP = 0.01;
const LEAST_AGREEMENT = 0.99;
/** Accuracies of fewer samples are known to ten points or worse. */
const FEW = 100;
/** Shares of samples are whole numbers by whole numbers: a point exactly is not over it. */
const ROUNDING = 1e-9;

/** What a user should know of how good a delivered network is. */
export function resultWarnings(
  stages: readonly StageRow[],
  { hasData, trained }: { readonly hasData: boolean; readonly trained: boolean },
): Warning[] {
  const [first, last] = [stages[0], stages[stages.length - 1]];
  if (last.accuracy === null && last.agreement === null) return [notMeasured(hasData)];
  const fell = describeDrop(first, last);
  if (!fell) return [];
  const more = trained
    ? 'train it longer (finetune.epochs), on more samples, or leave it more channels (target)'
    : 'train it (finetune, with a data set), or leave it more channels (target)';
  return [{ code: 'ACCURACY_DROPPED', message: `${fell}; to get more of it back, ${more}` }];
}

function notMeasured(hasData: boolean): Warning {
  const message = hasData
    ? 'nobody measured what pruning cost: no output has values of its own for each sample; name one that has in `outputs`, and compare before you use it'
    : 'nobody measured what pruning cost, since there is no data set: send samples as `dataset`, with labels (accuracy is measured) or without (agreement with the original is), or measure before you use it';
  return { code: 'NOT_MEASURED', message };
}

function describeDrop(first: StageRow, last: StageRow): string | undefined {
  const of = `${last.interval ? `95 % interval ${rangeText(last.interval)}, ` : ''}${samplesText(last.samples)}`;
  if (first.accuracy !== null && last.accuracy !== null) {
    if (first.accuracy - last.accuracy <= MOST_DROP + ROUNDING) return undefined;
    return `accuracy fell from ${percent(first.accuracy)} to ${percent(last.accuracy)} (${of})`;
  }
  if (last.agreement === null || last.agreement >= LEAST_AGREEMENT - ROUNDING) return undefined;
  return last.interval
    ? `it agrees with the original on ${percent(last.agreement)} only (${of})`
    : `its outputs differ from the original's by ${percent(1 - last.agreement)} (${of})`;
}

/** Warns of samples that say little. @param learned samples that were trained or calibrated on; absent: nothing is learned */
export function sampleWarnings({
  measured,
  learned,
}: {
  readonly measured: number;
  readonly learned?: number;
}): Warning[] {
  const few = [
    measured > 0 && measured < FEW
      ? `${samplesText(measured)} to measure by tell accuracies apart only where they are far apart (see the intervals): add to x_test, or raise finetune.validation_split`
      : [],
    learned !== undefined && learned < FEW
      ? `${samplesText(learned)} to learn from are soon learned by heart: add to x_train`
      : [],
  ].flat();
  return few.length === 0 ? [] : [{ code: 'FEW_SAMPLES', message: few.join('; ') }];
}
