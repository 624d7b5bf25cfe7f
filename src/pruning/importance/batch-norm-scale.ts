import type { ChannelUnit, RelatedChannels } from '../tracer/channel-analysis.js';
import type { Criterion } from './criterion.js';
import { hasFilters } from './filter-scores.js';
import type { ImportanceSource } from './importance-source.js';
import { l1Importance } from './l1.js';

/**
 * The absolute scale that batch norms give a channel (network slimming, Liu et al. 2017), the mean of them where there are several. The L1
 * criterion where no batch norm has the channels, or all of its scales are one and the same.
 */
export const BN_SCALE_CRITERION: Criterion = {
  name: 'bn_scale',
  about: 'absolute scale that batch norms give a channel (Liu et al. 2017); weights where there is none',
  needs: 'nothing',
  cost: 'nothing to speak of',
  importance: (unit, source) => meanScales(unit, source) ?? l1Importance(unit, source),
  ranks: (unit, source) => hasFilters(unit, source) || meanScales(unit, source) !== undefined,
  taken: (unit, source) => (meanScales(unit, source) ? 'bn_scale' : 'l1'),
};

function meanScales(unit: ChannelUnit, source: ImportanceSource): Float64Array | undefined {
  const sums = new Float64Array(unit.numChannels);
  const counts = new Int32Array(unit.numChannels);
  for (const related of unit.outputRelated) {
    const scales = scalesOf(related, source);
    if (!scales) continue;
    const { offsets, indices } = related;
    for (let c = 0; c < sums.length; c++) {
      for (let i = offsets[c]; i < offsets[c + 1]; i++) {
        sums[c] += Math.abs(scales[indices[i]]);
        counts[c]++;
      }
    }
  }
  if (!counts.every((count) => count > 0)) return undefined;
  const means = sums.map((sum, c) => sum / counts[c]);
  return means.every((mean) => mean === means[0]) ? undefined : means;
}

function scalesOf({ node }: RelatedChannels, source: ImportanceSource): Float32Array | undefined {
  if (node.op !== 'BatchNormalization') return undefined;
  return source.weights(node.inputs[1])?.data as Float32Array | undefined;
}
