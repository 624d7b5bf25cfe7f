import { describe, expect, test } from 'vitest';
import { evaluateGraph } from '../../../src/graph/evaluate.js';
import type { Graph } from '../../../src/graph/graph.js';
import { toRef } from '../../../src/graph/tensor.js';
import { ChannelMutator } from '../../../src/pruning/index.js';
import { GraphSketch, randomFeeds, relativeDifference } from '../../support/graph-sketch.js';

/** Prunes all units to half and compares the pruned with the masked forward. */
function halved(graph: Graph): { mutator: ChannelMutator; difference: number } {
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(graph);
  expect(mutator.mutableUnits.length).toBeGreaterThan(0);
  mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, 0.5])));
  const feeds = randomFeeds(graph, 7);
  const pruned = evaluateGraph(mutator.exportSubnet().graph, feeds);
  return { mutator, difference: relativeDifference(pruned, evaluateGraph(mutator.maskedGraph(), feeds)) };
}

const layerNorm = (s: GraphSketch, x: string, axis: number): string =>
  s.sampleNorm('LayerNormalization', 'ln', x, { axis });

function channelsLast(s: GraphSketch, x: string, body: (x: string) => string): string {
  return s.op('Transpose', [body(s.op('Transpose', [x], { perm: [0, 2, 3, 1] }))], { perm: [0, 3, 1, 2] });
}

describe('what a pruned channel comes to does not leak', () => {
  test.each<[string, (s: GraphSketch, x: string) => string]>([
    ['batch norm of a zero is not zero', (s, x) => s.batchNorm('bn', x)],
    ['sigmoid of a zero is a half', (s, x) => s.op('Sigmoid', [x])],
    ['a pad of a half', (s, x) => s.op('Pad', [x], { pads: [0, 0, 1, 1, 0, 0, 1, 1], value: 0.5 })],
    ['a constant added to every channel', (s, x) => s.op('Add', [x, s.literal('c', 8, 1, 1)])],
    ['a scalar added', (s, x) => s.op('Add', [x, s.literal('c')])],
    [
      'a maximum over negative values',
      (s, x) => s.op('MaxPool', [s.op('Neg', [s.op('Exp', [x])])], { kernel_shape: [2, 2] }),
    ],
    ['zero by zero is NaN', (s, x) => s.op('Div', [x, s.conv('other', x, 8, { kernel: 1 })])],
    ['the logarithm of a zero', (s, x) => s.op('Log', [s.op('Abs', [x])])],
    ['a softmax over channels', (s, x) => s.op('Softmax', [x], { axis: 1 })],
    ['a layer norm over channels', (s, x) => channelsLast(s, x, (y) => layerNorm(s, y, 3))],
    ['a layer norm over the sample', (s, x) => layerNorm(s, x, 1)],
    ['a group norm', (s, x) => s.sampleNorm('GroupNormalization', 'gn', x, { num_groups: 2 })],
    ['a group norm of one group', (s, x) => s.sampleNorm('GroupNormalization', 'gn', x, { num_groups: 1 })],
    ['a group norm of groups of one', (s, x) => s.sampleNorm('GroupNormalization', 'gn', x, { num_groups: 8 })],
    ['an instance norm', (s, x) => s.sampleNorm('InstanceNormalization', 'in', x, {})],
    ['a log softmax over channels', (s, x) => s.op('LogSoftmax', [x], { axis: -3 })],
  ])('%s', (_name, between) => {
    const s = new GraphSketch();
    const x = between(s, s.conv('a', s.input('x', 3, 6, 6), 8));
    const { mutator, difference } = halved(s.build(s.conv('out', x, 4)));
    expect(mutator.exportSubnet().graph.constants.get('a.weight')?.tensor.shape[0]).toBe(4);
    expect(difference).toBeLessThanOrEqual(1e-9);
  });

  test('products of two activations', () => {
    const s = new GraphSketch();
    const x = s.input('x', 3, 4, 4);
    const rows = s.op('Reshape', [s.conv('q', x, 8)], { shape: [0, 8, 16] });
    const columns = s.op('Reshape', [s.conv('k', x, 8)], { shape: [0, 8, 16] });
    const attention = s.op('MatMul', [s.op('Transpose', [rows], { perm: [0, 2, 1] }), columns]);
    const { mutator, difference } = halved(s.build(s.dense('out', s.flatten(s.conv('v', x, 6)), 3), attention));
    expect(mutator.mutableUnits.map((unit) => unit.name)).toEqual(['v_(0, 6)_6']);
    expect(difference).toBeLessThanOrEqual(1e-9);
  });
});

test('dynamic norms run over the kept channels, as the masked graph does', () => {
  const s = new GraphSketch();
  let x = s.conv('a', s.input('x', 3, 4, 4), 8);
  x = s.sampleNorm('GroupNormalization', 'gn', x, { num_groups: 2 });
  x = s.sampleNorm('InstanceNormalization', 'in', x, {});
  x = layerNorm(s, x, 1);
  const slope = s.literal('slope', 8, 1, 1);
  const graph = s.build(s.conv('b', s.op('PRelu', [x, slope], {}, 'prelu'), 4));
  const { mutator } = halved(graph);
  const feeds = randomFeeds(graph, 7);
  let value = feeds.get('x')!;
  for (const op of mutator.dynamicOps) {
    [value] = op.forward([value, ...op.node.inputs.slice(1).map((id) => toRef(mutator.weights.get(id)!))]);
  }
  expect(mutator.dynamicOps.map((op) => op.name)).toEqual(['a', 'gn', 'in', 'ln', 'prelu', 'b']);
  const outputs = new Map([['y', value]]);
  expect(relativeDifference(outputs, evaluateGraph(mutator.maskedGraph(), feeds))).toBeLessThanOrEqual(1e-9);
});

test('a dynamic op runs with its masks as the masked graph does', () => {
  const s = new GraphSketch();
  const graph = s.build(s.conv('b', s.conv('a', s.input('x', 3, 6, 6), 8), 4));
  const { mutator } = halved(graph);
  const feeds = randomFeeds(graph, 7);
  const weights = (node: { inputs: readonly string[] }) =>
    node.inputs.slice(1).map((id) => toRef(mutator.weights.get(id)!));
  let value = feeds.get('x')!;
  for (const op of mutator.dynamicOps) [value] = op.forward([value, ...weights(op.node)]);
  const masked = evaluateGraph(mutator.maskedGraph(), feeds).get('y')!;
  expect(value).toEqual(masked);
  const [a] = mutator.dynamicOps;
  expect(a.outChannels.activatedChannels).toBe(4);
  expect(a.inChannels.activatedChannels).toBe(3);
});
