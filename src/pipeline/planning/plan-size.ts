import type { LoadedModel } from '../../formats/index.js';
import type { Bound, ChannelMutator, Plan } from '../../pruning/index.js';
import { fileBytes } from '../artifacts.js';
import { plannedSubnet } from './planned-subnet.js';
import type { Planner } from './planner.js';

const MOST_TRIES = 6;

/** A trial is good enough when the files come this close below the bound. */
const CLOSE = 0.98;

interface Trial {
  readonly plan: Plan;
  /** Of all files of the model, as the writer writes them. */
  readonly fileBytes: number;
}

/**
 * Choices whose written files, topology and other files included, are at most as large as wanted. What a weight takes in
 * the file (float32, quantized) and what comes on top is known by writing: each plan's subnet is written and weighed,
 * and the bound on weights is corrected.
 * @returns a plan whose `size` figures are bytes of files
 */
export async function planSize(
  model: LoadedModel,
  sizeBytes: number,
  mutator: ChannelMutator,
  wanted: Bound,
  planFor: Planner,
): Promise<Plan> {
  const bound = typeof wanted === 'number' ? wanted * sizeBytes : wanted.at_most;
  const masks = mutator.state;
  const attempt = async (weightBytes: number): Promise<Trial> => {
    const plan = planFor({ size: { at_most: weightBytes } });
    mutator.setChoices(plan.choices);
    return { plan, fileBytes: await fileBytes(model, plannedSubnet(mutator)) };
  };
  try {
    const least = await attempt(0);
    if (least.fileBytes > bound) return inFiles(least, bound, sizeBytes);
    let best = least;
    let other: Trial = await attempt(least.plan.baseline.size);
    if (other.fileBytes <= bound) return inFiles(other, bound, sizeBytes);
    for (let i = 0; i < MOST_TRIES && best.fileBytes < CLOSE * bound; i++) {
      const perWeightByte = (other.fileBytes - best.fileBytes) / (other.plan.predicted.size - best.plan.predicted.size);
      const aim = best.plan.predicted.size + (bound - best.fileBytes) / perWeightByte;
      const trial = await attempt(aim);
      if (trial.plan.predicted.size === best.plan.predicted.size) break;
      if (trial.fileBytes <= bound) best = trial;
      else other = trial;
    }
    return inFiles(best, bound, sizeBytes);
  } finally {
    mutator.restoreState(masks);
  }
}

function inFiles({ plan, fileBytes }: Trial, bound: number, sizeBytes: number): Plan {
  return {
    ...plan,
    baseline: { ...plan.baseline, size: sizeBytes },
    predicted: { ...plan.predicted, size: fileBytes },
    bound,
    nearest: fileBytes,
    reachable: fileBytes <= bound,
  };
}
