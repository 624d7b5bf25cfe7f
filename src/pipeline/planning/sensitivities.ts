import type { Engine } from '../../engine/index.js';
import { graphCost } from '../../graph/cost.js';
import type { Graph } from '../../graph/graph.js';
import type { ChannelMutator, MutableChannelUnit, SensitivityCurve } from '../../pruning/index.js';
import { type Block, measureSensitivities, partOf, type Reading, samplesOf, type Trial } from '../../recovery/index.js';

/**
 * Shares of a unit's channels at which the network is tried; the first ones where it costs too much. More of them made no better widths:
 * curves are put right at the pruned network (see `refined-widths.ts`).
 */
const SHARES = [0.5, 0.25, 0.75, 0.125] as const;
const FEWEST_SHARES = 3;
const MOST_SAMPLES = 128;
const FEWEST_SAMPLES = 8;
/** Multiply-adds of all trials: fewer samples, then fewer shares are taken to stay below, as long as there are enough of both. */
const WANTED_MACS = 4e11;
/** More than this is not spent on it. */
const MOST_MACS = 4e12;

export interface TrialPlan {
  readonly samples: number;
  readonly shares: readonly number[];
}

/**
 * How finely a network's units are tried.
 * @param macs of one sample
 * @returns undefined where even the coarsest way would take too long
 */
export function planTrials(units: number, macs: number, samples: number): TrialPlan | undefined {
  const most = Math.min(samples, MOST_SAMPLES);
  const fewest = Math.min(most, FEWEST_SAMPLES);
  const each = units * macs;
  const affordable = Math.floor(WANTED_MACS / (each * SHARES.length));
  if (affordable >= fewest) return { samples: Math.min(most, affordable), shares: SHARES };
  const number = Math.max(FEWEST_SHARES, Math.floor(WANTED_MACS / (each * fewest)));
  if (number * each * fewest > MOST_MACS) return undefined;
  return { samples: fewest, shares: SHARES.slice(0, number) };
}

export interface SensitivityContext {
  readonly engine: Engine;
  readonly graph: Graph;
  readonly mutator: ChannelMutator;
  readonly blocks: readonly Block[];
  readonly readings: ReadonlyMap<string, readonly Reading[]>;
  /** Whether the model takes blocks of this size only. */
  readonly isFixed: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (share: number) => void;
}

/**
 * What the network loses by each unit, by how many channels it keeps, with the channels that the unit would keep. The mutator is left
 * as it was.
 * @returns undefined where it would take too long
 */
export async function findSensitivities({
  graph,
  mutator,
  blocks,
  readings,
  isFixed,
  ...options
}: SensitivityContext): Promise<ReadonlyMap<string, SensitivityCurve> | undefined> {
  const units = mutator.mutableUnits;
  const plan = planTrials(units.length, graphCost(graph).macs, samplesOf(blocks));
  if (!plan) return undefined;
  const counts = units.map((unit) => countsOf(unit, plan.shares));
  const masks = mutator.state;
  const trials = units.flatMap((unit, u) => counts[u].map((kept) => () => trialOf(mutator, unit, kept)));
  try {
    return await measureSensitivities(graph, readings, firstOf(blocks, plan.samples, isFixed), trials, options);
  } finally {
    mutator.restoreState(masks);
  }
}

/** The numbers of channels next to the shares that the unit may keep, ascending. */
function countsOf(unit: MutableChannelUnit, shares: readonly number[]): number[] {
  const counts = shares.flatMap((share) => countBelow(unit, unit.numChannels, share) ?? []);
  return [...new Set(counts)].sort((a, b) => a - b);
}

/** The number of channels next to a share of so many that the unit may keep, and less than those; undefined where there is none. */
export function countBelow(unit: MutableChannelUnit, channels: number, share: number): number | undefined {
  const off = (count: number): number => Math.abs(count - share * channels);
  const [first, ...others] = unit.reachableCounts().filter((count) => count < channels);
  return others.reduce((best, count) => (off(count) < off(best) ? count : best), first);
}

function trialOf(mutator: ChannelMutator, unit: MutableChannelUnit, kept: number): Trial {
  const whole = mutator.state;
  mutator.setChoices({ [unit.name]: unit.choiceFor(kept) });
  const { graph, sliceTensors: slice } = mutator.exportSubnet();
  const mask = unit.currentMask;
  mutator.restoreState(whole);
  return { unit: unit.name, kept, mask, graph, slice };
}

/** Of a model that takes its own number of samples only, whole blocks. */
function firstOf(blocks: readonly Block[], samples: number, isFixed: boolean): Block[] {
  let left = samples;
  return blocks.flatMap((block) => {
    const taken = Math.min(left, block.samples);
    left -= taken;
    if (taken <= 0) return [];
    return [taken === block.samples || isFixed ? block : partOf(block, 0, taken)];
  });
}
