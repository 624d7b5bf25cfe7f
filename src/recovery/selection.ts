import { choleskyFactor, choleskyInverse, damp } from './cholesky.js';
import { channelColumns, type Reading } from './readings.js';
import { scaleOutputs } from './rows.js';

/**
 * Ranks a unit's channels as an optimal brain surgeon would (Hassibi and Stork 1993; RECOVERY.md 2): always the channel goes whose loss
 * costs the layers that read it least, once their weights for the others are set anew.
 * @returns for each channel its place in that order, the first to go being 0; undefined where no layer tells channels apart
 */
export function rankByLoss(readings: readonly Reading[], channels: number): Float64Array | undefined {
  const layers = readings.map((reading) => ({
    covariance: reading.covariance,
    weights: weightProducts(reading, channels),
  }));
  return eliminate(layers, channels);
}

/** For each two channels the product of their weights, over outputs and taps. */
function weightProducts(reading: Reading, channels: number): Float64Array {
  const products = new Float64Array(channels * channels);
  const { columns, width, perGroup, outputs } = channelColumns(reading);
  const { gains } = reading;
  // As a batch norm behind the layer would have them if it were folded in: an error is worth what comes of it.
  if (gains) scaleOutputs(columns, gains, width * perGroup, outputs);
  for (const copy of reading.copies) {
    for (let a = 0; a < channels; a++) {
      const [group, from] = [Math.floor(copy[a] / perGroup), copy[a] * width];
      for (let b = 0; b <= a; b++) {
        if (Math.floor(copy[b] / perGroup) !== group) continue;
        const to = copy[b] * width;
        let sum = 0;
        for (let i = 0; i < width; i++) sum += columns[from + i] * columns[to + i];
        products[a * channels + b] += sum;
        if (a !== b) products[b * channels + a] += sum;
      }
    }
  }
  return products;
}

/** What a layer loses by channels: their covariance `[H, H]`, and the products of their weights `[H, H]`. */
export interface LayerLoss {
  readonly covariance: Float64Array;
  readonly weights: Float64Array;
}

/**
 * The order in which channels go: each time the one of the least `Σ_layers w_h·w_h / (P_hh·E)`, P the inverse of the covariance and E
 * the layer's energy `tr(wᵀGw)`. Weights and inverse are updated by what the others take over.
 * @returns for each channel its place in the order; undefined where no layer tells them apart
 */
export function eliminate(layers: readonly LayerLoss[], channels: number): Float64Array | undefined {
  const states = layers.flatMap(({ covariance, weights }) => {
    const damped = Float64Array.from(covariance);
    const energy = covariance.reduce((sum, g, i) => sum + g * weights[i], 0);
    if (!damp(damped, channels) || !(energy > 0)) return [];
    const factor = choleskyFactor(damped, channels);
    if (!factor) return [];
    return [{ inverse: choleskyInverse(factor, channels), weights: Float64Array.from(weights), energy }];
  });
  if (states.length === 0) return undefined;
  const left = Array.from({ length: channels }, (_, h) => h);
  const order = new Float64Array(channels);
  for (let place = 0; place < channels; place++) {
    const loss = (h: number): number =>
      states.reduce((sum, { inverse, weights, energy }) => {
        const at = h * channels + h;
        return sum + Math.max(0, weights[at]) / (inverse[at] * energy);
      }, 0);
    let least = 0;
    let lost = Number.POSITIVE_INFINITY;
    left.forEach((h, i) => {
      const own = loss(h);
      if (own < lost) [least, lost] = [i, own];
    });
    const [gone] = left.splice(least, 1);
    order[gone] = place;
    for (const { inverse, weights } of states) removeChannel(inverse, weights, left, gone, channels);
  }
  return order;
}

/** `w −= P_h/P_hh · w_h` in terms of `M = w·wᵀ`, and `P −= P_h·P_hᵀ/P_hh`, for the channels that are left. */
function removeChannel(p: Float64Array, m: Float64Array, left: readonly number[], gone: number, n: number): void {
  const pivot = p[gone * n + gone];
  const share = left.map((i) => p[i * n + gone] / pivot);
  const own = left.map((i) => m[i * n + gone]);
  const energy = m[gone * n + gone];
  left.forEach((i, a) => {
    const row = i * n;
    const factor = share[a];
    const shared = own[a] - factor * energy;
    const inverse = factor * pivot;
    for (let b = 0; b < left.length; b++) {
      const at = row + left[b];
      m[at] -= factor * own[b] + shared * share[b];
      p[at] -= inverse * share[b];
    }
  });
}
