import type { Tensor } from '../graph/tensor.js';
import { choleskyFactor, choleskySolve, damp } from './cholesky.js';
import { channelColumns, type Reading } from './readings.js';
import { channelsPerGroup, fromColumns } from './rows.js';

/**
 * Constants of a layer, in the full network's shapes, once the channels that it still reads stand for those that go: each is told by
 * those that stay as well as a linear map can (RECOVERY.md 4). Cheap and less good than solving the layer anew: to try widths by.
 * @param mask of the unit's channels: 0 for those that go
 * @param constants those of the network, as they are by now
 * @param before the mask that they are for: what it has no more, is not stood for
 */
export function compensate(
  reading: Reading,
  mask: Uint8Array,
  constants: (id: string) => Tensor,
  before?: Uint8Array,
): ReadonlyMap<string, Tensor> {
  const told = tellRemoved(reading, mask, before);
  const { site, copies } = reading;
  const weights = constants(site.weights);
  const { columns, width, outputs, perGroup, groups } = channelColumns({ site, weights });
  const shift = new Float64Array(groups * outputs);
  for (const copy of copies) {
    told.removed.forEach((h, r) => {
      const group = Math.floor(copy[h] / perGroup);
      const from = copy[h] * width;
      for (let i = 0; i < width; i++) shift[group * outputs + (i % outputs)] += columns[from + i] * told.offsets[r];
      told.kept.forEach((k, at) => {
        const share = told.shares[at * told.removed.length + r];
        // Weights of another group make other outputs.
        if (share === 0 || Math.floor(copy[k] / perGroup) !== group) return;
        const to = copy[k] * width;
        for (let i = 0; i < width; i++) columns[to + i] += share * columns[from + i];
      });
    });
  }
  const settled = new Map([[site.weights, fromColumns(site, site.node, columns, weights.shape)]]);
  const { offset } = site;
  // Behind a batch norm its mean is less by what is missing.
  const [id, sign] = offset?.kind === 'norm' ? [offset.norm.inputs[3], -1] : [offset?.id, 1];
  if (id !== undefined) {
    const before = constants(id);
    const data = (before.data as Float32Array).map((value, o) => value + sign * shift[o]);
    settled.set(id, { dtype: 'float32', shape: before.shape, data });
  }
  return settled;
}

interface Told {
  readonly kept: readonly number[];
  readonly removed: readonly number[];
  /** `x_removed ≈ shares' · x_kept + offsets`; `[kept, removed]`. */
  readonly shares: Float64Array;
  readonly offsets: Float64Array;
}

function tellRemoved({ covariance, mean, site, weights }: Reading, mask: Uint8Array, before?: Uint8Array): Told {
  const channels = [...mask.keys()].filter((c) => before?.[c] !== 0);
  const kept = channels.filter((c) => mask[c] === 1);
  const removed = channels.filter((c) => mask[c] === 0);
  const n = mask.length;
  const own = Float64Array.from({ length: kept.length ** 2 }, (_, at) => {
    return covariance[kept[Math.floor(at / kept.length)] * n + kept[at % kept.length]];
  });
  damp(own, kept.length);
  const cross = new Float64Array(kept.length * removed.length);
  kept.forEach((k, i) => {
    removed.forEach((h, r) => {
      cross[i * removed.length + r] = covariance[k * n + h];
    });
  });
  // A channel to itself in its group, as in a depthwise convolution, has no others to stand for it.
  const isAlone = channelsPerGroup(site, site.node, weights.shape) === 1;
  const factor = isAlone ? undefined : choleskyFactor(own, kept.length);
  const shares = factor ? choleskySolve(factor, kept.length, cross, removed.length) : cross.fill(0);
  const offsets = Float64Array.from(removed, (h, r) => {
    return mean[h] - kept.reduce((sum, k, i) => sum + shares[i * removed.length + r] * mean[k], 0);
  });
  return { kept, removed, shares, offsets };
}
