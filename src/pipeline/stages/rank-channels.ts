import type { PruneConfig } from '../../prune-config/index.js';
import type { ChannelMutator } from '../../pruning/index.js';
import { type Block, type Reading, rankByLoss, readUnits } from '../../recovery/index.js';
import { Calibration } from '../feeding/calibration.js';
import { fingerprintOf } from '../fingerprint.js';
import { findRecord, keepRecord } from '../kept-record.js';
import { planTarget } from '../planning/plan-target.js';
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
}

const CHOSEN = 'choices.json';

/**
 * Measures on samples what channels are worth to the layers that read them, and units to the network, where the config goes by that and
 * there are samples; then plans the widths anew.
 */
export const rankChannels = stage('pruning', async (job, measured: Measured): Promise<Ranked> => {
  const { checkpointDir } = job.spec;
  const { algorithm } = measured;
  const calibration = new Calibration(job, measured);
  const fingerprint = fingerprintOf(job.spec);
  const kept = await findRecord<Chosen>(checkpointDir, CHOSEN, fingerprint);
  const { choices, losses } = kept ?? (await choose(job, measured, calibration));
  if (!kept) await keepRecord(checkpointDir, CHOSEN, fingerprint, { choices, losses } satisfies Chosen);
  algorithm.mutator.setLosses(new Map(Object.entries(losses).map(([unit, each]) => [unit, Float64Array.from(each)])));
  algorithm.setTarget(choices);
  return { ...measured, calibration };
});

async function choose(job: Job, measured: Measured, calibration: Calibration): Promise<Chosen> {
  const { config } = job.spec;
  const { algorithm, graph, engine, planned } = measured;
  const { mutator } = algorithm;
  const allocates = isAllocatedBySensitivity(config);
  const blocks = mutator.ranksBySamples || allocates ? await calibration.blocks() : [];
  if (blocks.length === 0) return { choices: planned.choices, losses: {} };
  const readings = await readUnits(graph, readUnitsOf(mutator), blocks, { engine, signal: job.signal });
  const losses = mutator.ranksBySamples ? rankUnits(job, mutator, readings) : new Map();
  mutator.setLosses(losses);
  const { choices } = (allocates ? await planAnew(job, measured, blocks, readings) : undefined) ?? planned;
  return { choices, losses: Object.fromEntries([...losses].map(([unit, each]) => [unit, [...each]])) };
}

/** Ratios say the widths themselves. */
function isAllocatedBySensitivity({ allocation, algorithm }: PruneConfig): boolean {
  return (allocation ?? 'sensitivity') === 'sensitivity' && algorithm.target_pruning_ratio === undefined;
}

function readUnitsOf(mutator: ChannelMutator) {
  return mutator.mutableUnits.map(({ name, numChannels, channelUnit }) => {
    const readers = channelUnit.inputRelated.filter(({ passThrough }) => !passThrough);
    return { name, numChannels, readers };
  });
}

function rankUnits(
  { listener, signal }: Job,
  mutator: ChannelMutator,
  readings: ReadonlyMap<string, readonly Reading[]>,
): Map<string, Float64Array> {
  const units = mutator.mutableUnits;
  const losses = new Map<string, Float64Array>();
  for (const { name, numChannels } of units) {
    signal.throwIfAborted();
    const own = readings.get(name)!;
    if (own.length > 0) losses.set(name, rankByLoss(own, numChannels));
  }
  listener.log(`channels of ${losses.size} of ${units.length} units are ranked by samples`);
  return losses;
}

async function planAnew(
  { spec: { config }, signal, listener, progress }: Job,
  { graph, engine, algorithm: { mutator }, ...measured }: Measured,
  blocks: readonly Block[],
  readings: ReadonlyMap<string, readonly Reading[]>,
) {
  const onProgress = (share: number): void => progress.within('pruning', share);
  const sensitivities = await findSensitivities({ engine, graph, mutator, blocks, readings, signal, onProgress });
  if (!sensitivities) {
    listener.log('widths go by importance: to try each unit by itself would take too long for a network of this size');
    return undefined;
  }
  return planTarget({ ...measured, graph, mutator, config, signal, sensitivities });
}
