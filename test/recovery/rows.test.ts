import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import type { Graph } from '../../src/graph/graph.js';
import { elementCount, fromRef, type Tensor, tensor, toRef } from '../../src/graph/tensor.js';
import {
  choosePlaces,
  extentsOf,
  fromColumns,
  inputRows,
  outputRows,
  placeExtents,
  toColumns,
} from '../../src/recovery/rows.js';
import { findSites } from '../../src/recovery/site.js';
import { seededRandom } from '../support/seeded-random.js';

const BATCH = 3;

function drawn(shape: readonly number[], seed: number): Tensor<'float32'> {
  const random = seededRandom(seed);
  return tensor(
    'float32',
    shape,
    Float32Array.from({ length: elementCount(shape) }, () => random() - 0.5),
  );
}

/** A graph of one layer with a bias. */
function layer(
  op: string,
  x: readonly number[],
  w: readonly number[],
  attrs: Record<string, number | number[]>,
): Graph {
  const b = new GraphBuilder('layer');
  const input = b.input('x', { dtype: 'float32', shape: x });
  const weights = b.constant('w', drawn(w, 2), 'parameter');
  b.output('y', b.op(op, [input, weights], attrs));
  return b.build();
}

/** What rows and columns make is what the layer makes, at the places that were chosen. */
function expectProducts(graph: Graph, most: number): void {
  const [site] = findSites(graph);
  const weights = graph.constants.get(site.weights)!.tensor;
  const x = drawn(graph.values.get('x')!.shape.map(Number), 5);
  const y = fromRef(evaluateGraph(graph, new Map([['x', toRef(x)]])).get('y')!);
  const { groups, inputs, outputs } = extentsOf(site, site.node, weights.shape);
  const places = choosePlaces(placeExtents(site, y.shape), most, 4);
  const kernel = site.form === 'dense' ? [] : weights.shape.slice(2);
  const rows = inputRows(site, site.node, x, kernel, places);
  const wanted = outputRows(site, groups, y, places);
  const columns = toColumns(site, site.node, weights);
  expect(fromColumns(site, site.node, columns, weights.shape)).toEqual(weights);
  expect(rows.rows).toBe(BATCH * places.length);
  for (let g = 0; g < groups; g++) {
    for (let r = 0; r < rows.rows; r++) {
      for (let m = 0; m < outputs; m++) {
        let sum = 0;
        for (let k = 0; k < inputs; k++) {
          sum += rows.data[(g * rows.rows + r) * inputs + k] * columns[(g * inputs + k) * outputs + m];
        }
        expect(wanted.data[(g * rows.rows + r) * outputs + m]).toBeCloseTo(sum, 4);
      }
    }
  }
}

test('of convolutions: any rank, groups, strides, dilations, pads', () => {
  const axis = fc.record({ extent: fc.integer({ min: 3, max: 7 }), kernel: fc.integer({ min: 1, max: 3 }) });
  const plans = fc.record({
    axes: fc.array(axis, { minLength: 1, maxLength: 3 }),
    groups: fc.integer({ min: 1, max: 3 }),
    perGroup: fc.integer({ min: 1, max: 2 }),
    outputs: fc.integer({ min: 1, max: 2 }),
    stride: fc.integer({ min: 1, max: 2 }),
    pad: fc.integer({ min: 0, max: 1 }),
    most: fc.integer({ min: 1, max: 40 }),
  });
  fc.assert(
    fc.property(plans, ({ axes, groups, perGroup, outputs, stride, pad, most }) => {
      const attrs = {
        group: groups,
        strides: axes.map(() => stride),
        pads: axes.flatMap(() => [pad, pad]),
      };
      const x = [BATCH, groups * perGroup, ...axes.map(({ extent }) => extent)];
      const w = [groups * outputs, perGroup, ...axes.map(({ kernel }) => kernel)];
      expectProducts(layer('Conv', x, w, attrs), most);
    }),
    { numRuns: 60 },
  );
});

test('of transposed convolutions: any rank, groups, strides, dilations, pads, more at the end', () => {
  const axis = fc.record({
    extent: fc.integer({ min: 2, max: 4 }),
    kernel: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
    dilation: fc.integer({ min: 1, max: 2 }),
  });
  const plans = fc.record({
    axes: fc.array(axis, { minLength: 1, maxLength: 3 }),
    groups: fc.integer({ min: 1, max: 3 }),
    perGroup: fc.integer({ min: 1, max: 2 }),
    outputs: fc.integer({ min: 1, max: 2 }),
    pad: fc.integer({ min: 0, max: 1 }),
    most: fc.integer({ min: 1, max: 40 }),
  });
  fc.assert(
    fc.property(plans, ({ axes, groups, perGroup, outputs, pad, most }) => {
      const isWide = axes.every(({ kernel, dilation, extent, stride }) => {
        return (extent - 1) * stride + (kernel - 1) * dilation + 1 > 2 * pad;
      });
      fc.pre(isWide);
      const attrs = {
        group: groups,
        strides: axes.map(({ stride }) => stride),
        dilations: axes.map(({ dilation }) => dilation),
        pads: axes.flatMap(() => [pad, pad]),
        output_padding: axes.map(({ stride }) => stride - 1),
      };
      const x = [BATCH, groups * perGroup, ...axes.map(({ extent }) => extent)];
      const w = [groups * perGroup, outputs, ...axes.map(({ kernel }) => kernel)];
      expectProducts(layer('ConvTranspose', x, w, attrs), most);
    }),
    { numRuns: 60 },
  );
});

test('no way in which a transposed convolution makes outputs is left out', () => {
  for (let most = 16; most < 64; most++) {
    const places = choosePlaces([16, 16], most, 3, [2, 2]);
    const ways = new Set([...places].map((place) => `${Math.floor(place / 16) % 2} ${(place % 16) % 2}`));
    expect([most, ways.size]).toEqual([most, 4]);
  }
});

test('of products: tokens, transposed weights', () => {
  expectProducts(layer('MatMul', [BATCH, 7, 5], [5, 4], {}), 3);
  expectProducts(layer('MatMul', [BATCH, 5], [5, 4], {}), 3);
  expectProducts(layer('Gemm', [BATCH, 5], [5, 4], {}), 3);
  expectProducts(layer('Gemm', [BATCH, 5], [4, 5], { transB: 1 }), 3);
});

test('places are spread evenly, no more than asked for, and others from block to block', () => {
  const all = choosePlaces([8, 8], 64, 0);
  expect([...all]).toEqual(Array.from({ length: 64 }, (_, i) => i));
  const some = [0, 1, 2, 3].map((turn) => choosePlaces([32, 32], 64, turn));
  for (const places of some) {
    expect(places.length).toBeLessThanOrEqual(64);
    expect(places.length).toBeGreaterThan(40);
    expect(new Set(places).size).toBe(places.length);
    expect(Math.max(...places)).toBeLessThan(1024);
  }
  expect(new Set(some.map(String)).size).toBeGreaterThan(1);
  expect([...choosePlaces([], 64, 3)]).toEqual([0]);
});
