import { expect, test } from 'vitest';
import { choleskyFactor, choleskySolve } from '../../src/recovery/cholesky.js';
import { eliminate, type LayerLoss } from '../../src/recovery/selection.js';
import { seededRandom } from '../support/seeded-random.js';

const CHANNELS = 7;
const OUTPUTS = 4;

/** A layer that reads correlated channels. */
function layer(seed: number): LayerLoss & { readonly columns: Float64Array } {
  const random = seededRandom(seed);
  const mix = Float64Array.from({ length: CHANNELS * CHANNELS }, () => random() - 0.5);
  const columns = Float64Array.from({ length: CHANNELS * OUTPUTS }, () => random() - 0.5);
  return {
    columns,
    covariance: products(mix, CHANNELS),
    weights: products(columns, OUTPUTS),
  };
}

/** `A·Aᵀ`, A `[CHANNELS, columns]`. */
function products(a: Float64Array, columns: number): Float64Array {
  return Float64Array.from({ length: CHANNELS * CHANNELS }, (_, at) => {
    const [i, j] = [Math.floor(at / CHANNELS), at % CHANNELS];
    let sum = 0;
    for (let k = 0; k < columns; k++) sum += a[i * columns + k] * a[j * columns + k];
    return sum;
  });
}

/** What the layer's outputs lose when it reads these channels only, its weights for them set anew: by solving. */
function lossOf({ covariance, columns }: ReturnType<typeof layer>, kept: readonly number[]): number {
  const g = (i: number, j: number): number => covariance[i * CHANNELS + j];
  let energy = 0;
  for (let i = 0; i < CHANNELS; i++) {
    for (let j = 0; j < CHANNELS; j++) {
      for (let m = 0; m < OUTPUTS; m++) energy += columns[i * OUTPUTS + m] * g(i, j) * columns[j * OUTPUTS + m];
    }
  }
  const n = kept.length;
  const own = Float64Array.from({ length: n * n }, (_, at) => g(kept[Math.floor(at / n)], kept[at % n]));
  const cross = Float64Array.from({ length: n * OUTPUTS }, (_, at) => {
    const [i, m] = [kept[Math.floor(at / OUTPUTS)], at % OUTPUTS];
    let sum = 0;
    for (let j = 0; j < CHANNELS; j++) sum += g(i, j) * columns[j * OUTPUTS + m];
    return sum;
  });
  const solved = choleskySolve(choleskyFactor(own, n)!, n, cross, OUTPUTS);
  return (energy - solved.reduce((sum, w, i) => sum + w * cross[i], 0)) / energy;
}

test.each([1, 2, 3])(
  'each time the channel goes that is missed least once the others stand for it (%i layers)',
  (count) => {
    const layers = Array.from({ length: count }, (_, i) => layer(10 + i));
    const order = eliminate(layers, CHANNELS)!;
    expect([...order].sort()).toEqual(Array.from({ length: CHANNELS }, (_, i) => i));
    let kept = Array.from({ length: CHANNELS }, (_, i) => i);
    for (let place = 0; place < CHANNELS - 1; place++) {
      const losses = kept.map((gone) => {
        const left = kept.filter((channel) => channel !== gone);
        return layers.reduce((sum, each) => sum + lossOf(each, left) - lossOf(each, kept), 0);
      });
      const least = Math.min(...losses);
      const gone = order.indexOf(place);
      // What is added to the variances, so that there is an inverse, moves the losses a little.
      expect(losses[kept.indexOf(gone)]).toBeLessThan(least + 0.005);
      kept = kept.filter((channel) => channel !== gone);
    }
  },
);

test('layers that tell nothing of any channel give no order', () => {
  const nothing = { covariance: new Float64Array(9), weights: new Float64Array(9) };
  expect(eliminate([nothing], 3)).toBeUndefined();
});
