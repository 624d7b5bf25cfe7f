/** What samples say of a unit's channels without solving anything: a number each, the more important the larger. */
import { channelColumns, type Reading } from './readings.js';

type Rank = (readings: readonly Reading[], channels: number) => Float64Array | undefined;

/** The mean absolute value of a channel, over the layers that read it (Molchanov et al. 2017). */
export const rankByActivation: Rank = meanOver(({ meanAbsolute }) => meanAbsolute);

/** The share of a channel's values that are not 0: one less the average percentage of zeros (Hu et al. 2016). */
export const rankByActivity: Rank = meanOver(({ active }) => active);

/**
 * What goes into the layers that read a channel: the mean absolute weight for it times the root mean square of its values, as a share of what
 * all channels give the layer (as Wanda has it for single weights, Sun et al. 2023).
 */
export const rankByWeightedActivation: Rank = meanOver((reading, channels) => {
  const { columns, width } = channelColumns(reading);
  const own = new Float64Array(channels);
  for (const copy of reading.copies) {
    for (let c = 0; c < channels; c++) {
      const from = copy[c] * width;
      let sum = 0;
      for (let i = from; i < from + width; i++) sum += Math.abs(columns[i]);
      const square = reading.covariance[c * channels + c] + reading.mean[c] ** 2;
      own[c] += sum * Math.sqrt(square);
    }
  }
  const all = own.reduce((sum, value) => sum + value, 0);
  return all > 0 ? own.map((value) => value / all) : own;
});

function meanOver(valuesOf: (reading: Reading, channels: number) => Float64Array): Rank {
  return (readings, channels) => {
    if (readings.length === 0) return undefined;
    const means = new Float64Array(channels);
    for (const reading of readings) {
      valuesOf(reading, channels).forEach((value, c) => {
        means[c] += value / readings.length;
      });
    }
    return means;
  };
}
