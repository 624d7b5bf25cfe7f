import type { Engine } from '../../engine/index.js';
import type { Graph } from '../../graph/graph.js';
import type { BlockOf, Bound, ChannelMutator, Plan } from '../../pruning/index.js';
import { compareLatency, type LatencyComparison } from './latency.js';
import { measureLayers } from './layer-latency.js';
import type { Planner } from './planner.js';

/** Widths in blocks of this many channels run fastest on the engines that there are. */
const BLOCK = 8;
const MOST_TRIES = 10;

/** A trial is good enough when it comes this close below the wanted share. */
const CLOSE = 0.97;

export interface LatencyPlan {
  /** Its `latency` figures are measured milliseconds. */
  readonly plan: Plan;
  readonly comparison: LatencyComparison;
}

/**
 * Choices whose subnet takes at most the wanted time. The planner knows what each layer's multiply-adds cost from
 * measurements of the layers by themselves; what a whole network takes is another matter, so each plan's subnet is
 * exported and timed against the original, by turns, and the bound is corrected until the measured share fits. Of many
 * trials the best is the luckiest: one that seems to fit is timed again, and counts by the worse of both times. Untrained
 * weights do, since time doesn't depend on them. A bound that the original meets leaves it as it is.
 */
export async function planLatency(
  engine: Engine,
  mutator: ChannelMutator,
  graph: Graph,
  wanted: Bound,
  planFor: Planner,
  blockOf: BlockOf,
  signal: AbortSignal,
): Promise<LatencyPlan> {
  const latency = await measureLayers(engine, graph, signal);
  const masks = mutator.state;
  const measured = new Map<string, LatencyComparison>();
  const attempt = async (asked: number): Promise<Trial> => {
    const plan = planFor(
      { latency: asked },
      { latency, blockOf: (unit) => (unit.args.divisor === 'auto' ? blockOf(unit) : BLOCK) },
    );
    const time = async (): Promise<LatencyComparison> => {
      mutator.setChoices(plan.choices);
      return compareLatency(engine, graph, mutator.exportSubnet().graph, signal);
    };
    // Many bounds come to the same widths.
    const key = JSON.stringify(plan.choices);
    const comparison = measured.get(key) ?? (await time());
    const again = async (): Promise<Trial> => ({ plan, comparison: await time(), again });
    measured.set(key, comparison);
    return { plan, comparison, again };
  };
  try {
    const least = await attempt(Number.MIN_VALUE);
    // What shares are of, in every figure of the plan: measured anew, it comes out a little different each time.
    const originalMs = least.comparison.before.median;
    const goal = typeof wanted === 'number' ? wanted : wanted.at_most / originalMs;
    const inMilliseconds = (trial: Trial) => planOf(trial, goal, originalMs);
    // Modelled times are sums in floating point: a bound of just 1 may be missed by the last digit.
    if (goal >= 1) return inMilliseconds(await attempt(2));
    const [shareAtBest] = least.comparison.share.interval;
    if (shareAtBest > goal) return inMilliseconds(least);
    // Not clearly out of reach: what a busy machine missed may fit the second time.
    const second = shareOf(least) > goal ? await least.again() : least;
    return inMilliseconds(shareOf(second) > goal ? second : await search(attempt, goal, second));
  } finally {
    mutator.restoreState(masks);
  }
}

interface Trial {
  readonly plan: Plan;
  readonly comparison: LatencyComparison;
  /** The same choices, timed once more. */
  again(): Promise<Trial>;
}

function shareOf({ comparison }: Trial): number {
  return comparison.share.median;
}

function slowerOf(a: Trial, b: Trial): Trial {
  return shareOf(a) > shareOf(b) ? a : b;
}

/** Narrows the modelled share between one that is known to fit and one that doesn't, guided by what was measured. */
async function search(attempt: (share: number) => Promise<Trial>, goal: number, least: Trial): Promise<Trial> {
  let best = least;
  let low = { asked: 0, share: shareOf(least) };
  let high = { asked: 1, share: 1 };
  for (let i = 0; i < MOST_TRIES && shareOf(best) < CLOSE * goal && high.asked - low.asked > 0.005; i++) {
    // By the straight line through both, a little below the goal, and well inside the interval.
    const aim = goal * (1 + CLOSE) * 0.5;
    const slope = (aim - low.share) / Math.max(1e-9, high.share - low.share);
    const asked = low.asked + (high.asked - low.asked) * Math.min(0.9, Math.max(0.1, slope));
    const first = await attempt(asked);
    const better = shareOf(first) <= goal && shareOf(first) > shareOf(best);
    const trial = better ? slowerOf(first, await first.again()) : first;
    if (shareOf(trial) <= goal) {
      low = { asked, share: shareOf(trial) };
      if (better) best = trial;
    } else {
      high = { asked, share: shareOf(trial) };
    }
  }
  return best;
}

function planOf({ plan, comparison }: Trial, goal: number, originalMs: number): LatencyPlan {
  // All widths kept: what is timed is the original against itself.
  const whole = plan.predicted.parameters === plan.baseline.parameters && plan.predicted.macs === plan.baseline.macs;
  const share = whole ? 1 : comparison.share.median;
  return {
    plan: {
      ...plan,
      baseline: { ...plan.baseline, latency: originalMs },
      predicted: { ...plan.predicted, latency: share * originalMs },
      bound: goal * originalMs,
      nearest: share * originalMs,
      reachable: share <= goal,
    },
    comparison,
  };
}
