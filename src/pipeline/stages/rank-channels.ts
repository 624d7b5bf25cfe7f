import { OBS_CRITERION } from '../../pruning/index.js';
import { rankChannelsByLoss } from '../../recovery/index.js';
import type { Calibration } from '../feeding/calibration.js';
import type { Measured } from './baseline.js';
import type { Job } from './stage.js';

/** Measures on samples what channels are worth, where the units' criterion goes by that and there are samples. */
export async function rankChannels(
  { spec, signal, listener, progress }: Job,
  { data, graph, engine, algorithm: { mutator } }: Measured,
  calibration: Calibration,
): Promise<void> {
  const { method } = spec.config.recovery;
  if ((!data && method !== 'least_squares') || mutator.criterion !== OBS_CRITERION.name) return;
  progress.begin('pruning');
  const blocks = await calibration.blocks();
  if (blocks.length === 0) return;
  const units = mutator.mutableUnits.map(({ name, numChannels, channelUnit }) => {
    const readers = channelUnit.inputRelated.filter(({ passThrough }) => !passThrough);
    return { name, numChannels, readers };
  });
  const losses = await rankChannelsByLoss(graph, units, blocks, { engine, signal });
  mutator.setLosses(losses);
  listener.log(`channels of ${losses.size} of ${units.length} units are ranked by samples`);
}
