import { expect, test } from 'vitest';
import type { Attrs } from '../../../src/graph/graph.js';
import { tensor } from '../../../src/graph/tensor.js';
import { l1Importance } from '../../../src/pruning/importance/index.js';
import { ChannelAnalyzer } from '../../../src/pruning/tracer/index.js';
import { GraphSketch } from '../../support/graph-sketch.js';

/** Importances of the first unit that can be pruned, where layer `a` applies these weights to `channels` channels. */
function importances(op: string, channels: number, shape: number[], data: number[], attrs: Attrs): number[] {
  const s = new GraphSketch();
  const weights = s.builder.constant('a.weight', tensor('float32', shape, data), 'parameter');
  const x = s.op(op, [s.input('x', channels, 5), weights], attrs, 'a');
  const head = s.builder.constant('out.weight', s.weights([2, s.shape(x)[1], 1]), 'parameter');
  const graph = s.build(s.op('Conv', [x, head], {}, 'out'));
  const [unit] = new ChannelAnalyzer().analyze(graph).units.filter(({ reason }) => !reason);
  return [...l1Importance(unit, { weights: (id) => graph.constants.get(id)?.tensor })!];
}

test('a filter counts by its mean absolute weight', () => {
  expect(importances('Conv', 1, [2, 1, 2], [1, -3, 5, 0], {})).toEqual([2, 2.5]);
});

test('the filters of a transposed convolution stand on the second axis', () => {
  expect(importances('ConvTranspose', 2, [2, 2, 1], [1, 10, -3, -20], {})).toEqual([2, 15]);
});

test('those of a grouped one are others in each group; a channel of all groups is their mean', () => {
  // Channels 0 and 2 are position 0 of their groups: (1 + 3) / 2 and (5 + 7) / 2.
  const data = [1, 10, 3, 20, 5, 30, 7, 40];
  expect(importances('ConvTranspose', 4, [4, 2, 1], data, { group: 2 })).toEqual([4, 25]);
});
