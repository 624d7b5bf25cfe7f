import type { Engine } from '../engine/index.js';
import type { Graph } from '../graph/graph.js';
import type { Bound, PruneConfig } from '../prune-config/index.js';
import { type ChannelMutator, type Plan, planChoices } from '../pruning/index.js';
import { compareLatency } from './latency.js';
import { measureLayers } from './layer-latency.js';

/** Widths in blocks of this many channels run fastest on the engines that there are. */
const BLOCK = 8;
const MOST_TRIES = 10;

/** A trial is good enough when it comes this close below the wanted share. */
const CLOSE = 0.97;

/**
 * Choices whose subnet takes at most the wanted time. The planner knows what each layer's multiply-adds cost from
 * measurements of the layers by themselves; what a whole network takes is another matter, so each plan's subnet is
 * exported and timed against the original, by turns, and the bound is corrected until the measured share fits.
 * @returns a plan whose `latency` figures are measured milliseconds; with untrained weights, since time doesn't depend on them
 */
export async function planLatency(
  engine: Engine,
  mutator: ChannelMutator,
  graph: Graph,
  wanted: Bound,
  counting: PruneConfig['counting'],
  signal: AbortSignal,
): Promise<Plan> {
  const latency = await measureLayers(engine, graph);
  const masks = mutator.state;
  const attempt = async (asked: number): Promise<Trial> => {
    signal.throwIfAborted();
    const plan = planChoices(mutator, { latency: asked }, counting, { latency, multiple: BLOCK });
    mutator.setChoices(plan.choices);
    const { before, after, share } = await compareLatency(engine, graph, mutator.exportSubnet().graph);
    return { plan, originalMs: before, plannedMs: after, share };
  };
  try {
    const least = await attempt(Number.MIN_VALUE);
    const goal = typeof wanted === 'number' ? wanted : wanted.at_most / least.originalMs;
    return measured(least.share > goal ? least : await search(attempt, goal, least), goal);
  } finally {
    mutator.restoreState(masks);
  }
}

interface Trial {
  readonly plan: Plan;
  readonly originalMs: number;
  readonly plannedMs: number;
  /** Measured, of the original's. */
  readonly share: number;
}

/** Narrows the modelled share between one that is known to fit and one that doesn't, guided by what was measured. */
async function search(attempt: (share: number) => Promise<Trial>, goal: number, least: Trial): Promise<Trial> {
  let best = least;
  let low = { asked: 0, share: least.share };
  let high = { asked: 1, share: 1 };
  for (let i = 0; i < MOST_TRIES && best.share < CLOSE * goal && high.asked - low.asked > 0.005; i++) {
    // By the straight line through both, a little below the goal, and well inside the interval.
    const aim = goal * (1 + CLOSE) * 0.5;
    const slope = (aim - low.share) / Math.max(1e-9, high.share - low.share);
    const asked = low.asked + (high.asked - low.asked) * Math.min(0.9, Math.max(0.1, slope));
    const trial = await attempt(asked);
    if (trial.share <= goal) {
      low = { asked, share: trial.share };
      if (trial.share > best.share) best = trial;
    } else {
      high = { asked, share: trial.share };
    }
  }
  return best;
}

function measured({ plan, originalMs, plannedMs, share }: Trial, goal: number): Plan {
  return {
    ...plan,
    baseline: { ...plan.baseline, latency: originalMs },
    predicted: { ...plan.predicted, latency: plannedMs },
    bound: goal * originalMs,
    nearest: share * originalMs,
    reachable: share <= goal,
  };
}
