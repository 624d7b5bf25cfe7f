import type { Warning } from '../../contract.js';
import { HANDFUL, type PruneConfig } from '../../prune-config/index.js';
import type { BlockOf, ChannelMutator, SampleMeasure, SensitivityCurve } from '../../pruning/index.js';
import {
  type Block,
  isComparable,
  type Reading,
  rankByActivation,
  rankByActivity,
  rankByLoss,
  rankByWeightedActivation,
  readUnits,
  samplesOf,
} from '../../recovery/index.js';
import { Calibration } from '../feeding/calibration.js';
import { fingerprintOf } from '../fingerprint.js';
import { findRecord, keepRecord } from '../kept-record.js';
import { fasterWidths } from '../planning/faster-widths.js';
import { type PlannedTarget, planTarget } from '../planning/plan-target.js';
import { recipesFor } from '../planning/recipes.js';
import { refineWidths } from '../planning/refined-widths.js';
import { findSensitivities } from '../planning/sensitivities.js';
import type { Measured } from './baseline.js';
import { type Job, stage } from './stage.js';

export interface Ranked extends Measured {
  readonly calibration: Calibration;
}

/** What a job has chosen by measuring: a run that goes on must not come to other widths, nor measure again. */
interface Chosen {
  /** Final choices, by unit. */
  readonly choices: Readonly<Record<string, number>>;
  /** By unit, what its channels are worth on samples; units that samples say nothing of are left out. */
  readonly losses: Readonly<Record<string, readonly number[]>>;
  /** What there was to tell on the way. */
  readonly warnings: readonly Warning[];
}

const CHOSEN = 'choices.json';

/**
 * Measures on samples what channels are worth to the layers that read them, and units to the network, where the config goes by that and
 * there are samples; then plans the widths anew.
 */
export const rankChannels = stage('pruning', async (job, measured: Measured): Promise<Ranked> => {
  const { spec, listener, warnings } = job;
  const { algorithm } = measured;
  const calibration = new Calibration(job, measured);
  const fingerprint = fingerprintOf(spec);
  const before = warnings.length;
  let chosen = await findRecord<Chosen>(spec.checkpointDir, CHOSEN, fingerprint);
  if (!chosen) {
    const found = await choose(job, measured, calibration);
    chosen = { ...found, warnings: warnings.slice(before) };
    await keepRecord(spec.checkpointDir, CHOSEN, fingerprint, chosen);
  }
  for (const warning of chosen.warnings) listener.warning(warning);
  const losses = Object.entries(chosen.losses).map(([unit, each]) => [unit, Float64Array.from(each)] as const);
  algorithm.mutator.setLosses(new Map(losses));
  algorithm.setTarget(chosen.choices);
  return { ...measured, calibration };
});

async function choose(job: Job, measured: Measured, calibration: Calibration): Promise<Omit<Chosen, 'warnings'>> {
  const { config } = job.spec;
  const { algorithm, graph, engine, planned } = measured;
  const { mutator } = algorithm;
  const allocates = isAllocatedBySensitivity(config);
  const blocks = mutator.ranksBySamples || allocates ? await calibration.blocks() : [];
  if (blocks.length === 0) {
    warnOfNamed(job, { criterion: mutator.ranksBySamples, allocation: true }, 'there are no samples to go by');
    return { choices: (await madeFaster(job, measured, { planned })).choices, losses: {} };
  }
  const readings = await readUnits(graph, affordableUnits(mutator), blocks, { engine, signal: job.signal });
  const losses = mutator.ranksBySamples ? rankUnits(job, mutator, readings) : new Map<string, Float64Array>();
  mutator.setLosses(losses);
  const anew = allocates ? await planAnew(job, { ...measured, calibration }, blocks, readings) : { planned };
  const { choices } = await madeFaster(job, measured, anew);
  return { choices, losses: Object.fromEntries([...losses].map(([unit, each]) => [unit, [...each]])) };
}

interface Anew {
  readonly planned: PlannedTarget;
  /** What it was planned by; absent: by weights, or in equal shares. */
  readonly curves?: Curves;
  readonly config?: PruneConfig;
}

/** Where widths are free to go by what the runtime rewards, and no target says how long the network may take. */
async function madeFaster(
  { spec, listener, signal }: Job,
  { algorithm: { mutator }, blockOf, ...measured }: Measured,
  { planned, curves, config = spec.config }: Anew,
): Promise<PlannedTarget> {
  if (!blockOf || planned.comparison || !planned.plan) return planned;
  const plan = (wider: BlockOf) =>
    planTarget({ ...measured, mutator, config, signal, blockOf: wider, ...(curves && { sensitivities: curves }) });
  const { stopwatch, uploaded } = measured;
  const log = (text: string) => listener.log(text);
  return fasterWidths({ stopwatch, uploaded, mutator, blockOf, plan, log, signal }, planned);
}

/** Ratios say the widths themselves. */
function isAllocatedBySensitivity({ allocation, algorithm }: PruneConfig): boolean {
  return (allocation ?? 'sensitivity') === 'sensitivity' && algorithm.target_pruning_ratio === undefined;
}

/** What a config asks for by name, and doesn't get. */
function warnOfNamed(
  { spec: { config }, listener }: Job,
  missing: { readonly criterion?: boolean; readonly allocation?: boolean },
  why: string,
): void {
  const { criterion } = config.algorithm.mutator_cfg.channel_unit_cfg;
  const named = [
    missing.criterion && criterion !== 'auto' ? [`criterion: ${criterion}`] : [],
    missing.allocation && config.allocation === 'sensitivity' ? ['allocation: sensitivity'] : [],
  ].flat();
  if (named.length === 0) return;
  const message = `${named.join(' and ')} could not be followed: ${why}; channels and widths go by weights instead`;
  listener.warning({ code: 'NOT_BY_SAMPLES', message });
}

/** Ranking the channels of a unit takes about the cube of their number of steps for each layer that reads them: so many in all. */
const MOST_STEPS = 1e10;

/** The narrowest units, as many as can be ranked in a minute; the others go by their weights. */
function affordableUnits(mutator: ChannelMutator) {
  let left = MOST_STEPS;
  const units = mutator.mutableUnits.map(({ name, numChannels, channelUnit }) => {
    const readers = channelUnit.inputRelated.filter(({ passThrough }) => !passThrough);
    return { name, numChannels, readers };
  });
  return units
    .toSorted((a, b) => a.numChannels - b.numChannels)
    .filter(({ numChannels, readers }) => {
      left -= readers.length * numChannels ** 3;
      return left >= 0;
    });
}

const RANKS: Readonly<Record<SampleMeasure, typeof rankByLoss>> = {
  loss: rankByLoss,
  activation: rankByActivation,
  activity: rankByActivity,
  weighted_activation: rankByWeightedActivation,
};

function rankUnits(
  { listener, signal }: Job,
  mutator: ChannelMutator,
  readings: ReadonlyMap<string, readonly Reading[]>,
): Map<string, Float64Array> {
  const units = mutator.mutableUnits;
  const losses = new Map<string, Float64Array>();
  for (const { name, numChannels, bySamples } of units) {
    signal.throwIfAborted();
    const ranks = bySamples && RANKS[bySamples](readings.get(name) ?? [], numChannels);
    if (ranks) losses.set(name, ranks);
  }
  listener.log(`channels of ${losses.size} of ${units.length} units are ranked by samples`);
  return losses;
}

type Curves = ReadonlyMap<string, SensitivityCurve>;

/** @returns the plan made before where units can't be told apart, or not in time */
async function planAnew(
  job: Job,
  { graph, engine, algorithm: { mutator }, fixedBatch, planned, calibration, ...measured }: Ranked,
  blocks: readonly Block[],
  readings: ReadonlyMap<string, readonly Reading[]>,
): Promise<Anew> {
  const { spec, signal, listener, progress } = job;
  const keep = (why: string): Anew => {
    listener.log(`widths go by importance: ${why}`);
    warnOfNamed(job, { allocation: true }, why);
    return { planned };
  };
  if (!isComparable(graph)) return keep('no output tells networks apart, as all are whole numbers');
  const planBy = (config: PruneConfig, sensitivities?: Curves): Promise<PlannedTarget> =>
    planTarget({ ...measured, mutator, config, signal, ...(sensitivities && { sensitivities }) });
  const samples = samplesOf(blocks);
  // On those, layers lose nothing that make all the difference on others.
  if (samples < HANDFUL && spec.config.allocation === undefined) {
    listener.log(`widths are of one share: ${samples} samples tell too little of what units are worth`);
    const config = { ...spec.config, allocation: 'uniform' as const };
    return { planned: await planBy(config), config };
  }
  const context = { engine, graph, mutator, blocks, readings, signal, isFixed: fixedBatch !== undefined };
  const curves = await findSensitivities({
    ...context,
    onProgress: (share) => progress.within('pruning', share / 2),
  });
  if (!curves) return keep('trying each unit by itself would take too long for a network of this size');
  const plan = (sensitivities: Curves): Promise<PlannedTarget> => planBy(spec.config, sensitivities);
  const anew = await plan(curves);
  if (anew.plan?.reachable === false) return { planned };
  const recipe = recipesFor(spec.config.recovery, graph, samples).at(-1);
  // A plan of latencies takes minutes of its own.
  if (!recipe || anew.comparison) return { planned: anew, curves };
  const refined = await refineWidths(
    {
      ...{ ...context, plan, recipe },
      blocks: (most) => calibration.blocks({ beside: graph, most }),
      log: (text) => listener.log(text),
      onProgress: (share) => progress.within('pruning', (1 + share) / 2),
    },
    curves,
    anew,
  );
  return { planned: refined, curves };
}
