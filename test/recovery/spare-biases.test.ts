/** Which spare biases are of use to recovery. */
import { expect, test } from 'vitest';
import type { Graph } from '../../src/graph/graph.js';
import { tensor } from '../../src/graph/tensor.js';
import { verify } from '../../src/graph/verify.js';
import { withNeededSpares } from '../../src/recovery/index.js';
import { GraphSketch } from '../support/graph-sketch.js';

/** A convolution that adds a spare bias. */
function spared(s: GraphSketch, layer: string, x: string, filters: number): string {
  const w = s.literal(`${layer}.weight`, filters, s.shape(x)[1], 3, 3);
  const bias = s.builder.constant(`${layer}.spare`, tensor('float32', [filters], Array(filters).fill(0)), 'spare');
  return s.op('Conv', [x, w, bias], { pads: [1, 1, 1, 1] }, layer);
}

/** A matrix with a spare bias behind it. */
function sparedMatrix(s: GraphSketch, layer: string, x: string, columns: number): string {
  const w = s.literal(`${layer}.weight`, s.shape(x)[1], columns);
  const bias = s.builder.constant(`${layer}.spare`, tensor('float32', [columns], Array(columns).fill(0)), 'spare');
  return s.op('Add', [s.op('MatMul', [x, w], {}, layer), bias]);
}

const sparesOf = ({ constants }: Graph): string[] =>
  [...constants].flatMap(([id, { role }]) => (role === 'spare' ? [id] : []));

test('those of layers with neither a batch norm nor a bias behind them', () => {
  const s = new GraphSketch();
  const x = s.conv('stem', s.input('x', 3, 6, 6), 3);
  const a = s.relu(s.batchNorm('n', spared(s, 'normed', x, 8)));
  const b = s.relu(s.op('Add', [spared(s, 'added', a, 8), s.literal('bias', 1, 8, 1, 1)]));
  const c = s.relu(spared(s, 'alone', b, 6));
  const d = sparedMatrix(s, 'matrix', s.flatten(s.globalPool(c)), 5);
  s.builder.output('y', s.op('Add', [sparedMatrix(s, 'last', s.relu(d), 4), s.literal('last.bias', 4)]));
  const graph = withNeededSpares(s.builder.build());
  expect(sparesOf(graph)).toEqual(['alone.spare', 'matrix.spare']);
  expect(graph.nodes.filter(({ op }) => op === 'Add')).toHaveLength(3);
  verify(graph);
});

test('of weights in common those that all of their layers can use', () => {
  const s = new GraphSketch();
  const x = s.conv('stem', s.input('x', 3, 6, 6), 3);
  const a = spared(s, 'tower', x, 8);
  const b = s.op('Conv', [s.relu(x), 'tower.weight', 'tower.spare'], { pads: [1, 1, 1, 1] });
  s.builder.output('z', s.op('Add', [a, b]));
  expect(sparesOf(withNeededSpares(s.builder.build()))).toEqual(['tower.spare']);
});

test('of matrices in common, too: each of their sums adds it', () => {
  const s = new GraphSketch();
  const x = s.flatten(s.conv('stem', s.input('x', 3, 2, 2), 3));
  const a = sparedMatrix(s, 'tower', x, 5);
  const b = s.op('Add', [s.op('MatMul', [s.relu(x), 'tower.weight'], {}), 'tower.spare']);
  s.builder.output('z', s.op('Mul', [a, b]));
  expect(sparesOf(withNeededSpares(s.builder.build()))).toEqual(['tower.spare']);
});

test('none of a layer that reads what stays whole, or whose mean an instance norm takes away', () => {
  const s = new GraphSketch();
  const a = s.relu(spared(s, 'first', s.input('x', 3, 6, 6), 8));
  const b = s.relu(s.sampleNorm('InstanceNormalization', 'norm', spared(s, 'normed', a, 8), {}));
  s.builder.output('y', spared(s, 'last', b, 4));
  expect(sparesOf(withNeededSpares(s.builder.build()))).toEqual(['last.spare']);
});
