import { OBS_CRITERION } from '../../pruning/index.js';
import { rankChannelsByLoss } from '../../recovery/index.js';
import { calibrationBlocks } from '../feeding/calibration.js';
import type { Measured } from './baseline.js';
import type { Job } from './stage.js';

/** Measures on samples what channels are worth, where the units' criterion goes by that and there are samples. */
export async function rankChannels(
  { spec, signal, listener, progress }: Job,
  { data, graph, engine, fixedBatch, algorithm: { mutator } }: Measured,
): Promise<void> {
  if (!data || mutator.criterion !== OBS_CRITERION.name) return;
  progress.begin('pruning');
  const blocks = calibrationBlocks(spec, { data, graph, fixedBatch }, listener);
  const units = mutator.mutableUnits.map(({ name, numChannels, channelUnit }) => {
    const readers = channelUnit.inputRelated.filter(({ passThrough }) => !passThrough);
    return { name, numChannels, readers };
  });
  const losses = await rankChannelsByLoss(graph, units, blocks, { engine, signal });
  mutator.setLosses(losses);
  listener.log(`channels of ${losses.size} of ${units.length} units are ranked by samples`);
}
