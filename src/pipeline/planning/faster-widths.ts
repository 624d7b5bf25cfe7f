import type { Engine } from '../../engine/index.js';
import type { Graph } from '../../graph/graph.js';
import type { BlockOf, ChannelMutator } from '../../pruning/index.js';
import { compareLatency } from './latency.js';
import type { PlannedTarget } from './plan-target.js';

/** Widths are tried in blocks of so many times what was planned in. */
const WIDER = [2, 4];

export interface FasterContext {
  /** Takes latencies. */
  readonly stopwatch: Engine;
  /** What the pruned network is to be faster than. */
  readonly uploaded: Graph;
  readonly mutator: ChannelMutator;
  readonly blockOf: BlockOf;
  plan(blockOf: BlockOf): Promise<PlannedTarget>;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
}

/**
 * A plan whose network is faster than the original: where the first is not, wider blocks are tried. Where none is, the fastest of them. The
 * mutator is left as it was.
 * @throws the signal's reason, between two measurements
 */
export async function fasterWidths(context: FasterContext, first: PlannedTarget): Promise<PlannedTarget> {
  const { blockOf, plan, log } = context;
  let best = { planned: first, share: await shareOf(context, first) };
  for (const times of WIDER) {
    if (best.share < 1) break;
    log(`the planned network takes ${best.share.toPrecision(3)} of the original's time: wider blocks are tried`);
    const planned = await plan((unit) => Math.min(times * blockOf(unit), largestBlock(unit.numChannels)));
    if (planned.plan?.reachable === false) break;
    const share = await shareOf(context, planned);
    if (share < best.share) best = { planned, share };
  }
  return best.planned;
}

/** The largest power of two of which a unit has two. */
function largestBlock(channels: number): number {
  return 2 ** Math.max(0, Math.floor(Math.log2(channels / 2)));
}

async function shareOf(
  { stopwatch, uploaded, mutator, signal }: FasterContext,
  { choices }: PlannedTarget,
): Promise<number> {
  const masks = mutator.state;
  try {
    mutator.setChoices(choices);
    const { share } = await compareLatency(stopwatch, uploaded, mutator.exportSubnet().graph, signal);
    return share.median;
  } finally {
    mutator.restoreState(masks);
  }
}
