import { describe, expect, test } from 'vitest';
import { withoutDeadCode } from '../../src/autodiff/ancestors.js';
import { createSynthesisStep, type SynthesisStep } from '../../src/autodiff/index.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import { type Graph, getSpec } from '../../src/graph/graph.js';
import { elementCount, type RefTensor } from '../../src/graph/tensor.js';
import { verify } from '../../src/graph/verify.js';
import { seededRandom } from '../support/seeded-random.js';
import { scalarFeed } from './finite-differences.js';
import { layers, mixedNet } from './nets.js';
import { randomRef, randomTensor } from './random.js';

const BETA = 0.9;
const ADAM = { optimizer: { type: 'adam', beta1: BETA, beta2: 0.999, epsilon: 1e-12, weightDecay: 0 } } as const;
const SHIFT = 1e-5;

/** A residual and a depthwise convolution, each with a batch norm behind it, and a dense end that no norm sees. */
function twoNorms(): Graph {
  const b = new GraphBuilder('two-norms');
  const { conv, norm, dense } = layers(b, 3);
  const x = b.input('image', { dtype: 'float32', shape: ['N', 2, 5, 4] });
  const stem = conv('stem', x, 4, 3, { pads: [1, 1, 1, 1] });
  const inner = b.op('Relu', [norm('first', conv('inner', stem, 4, 3, { pads: [1, 1, 1, 1] }))]);
  const sum = b.op('Add', [stem, inner]);
  const deep = norm('second', conv('depthwise', sum, 4, 3, { strides: [2, 2], group: 4 }));
  b.output('y', dense('end', b.op('Flatten', [b.op('GlobalAveragePool', [deep])]), 3));
  return b.build();
}

function feedsOf(step: SynthesisStep, batch: number, width = 2): Map<string, RefTensor> {
  const random = seededRandom(4);
  const filled = (id: string, value: number): RefTensor => {
    const shape = getSpec(step.graph, id).shape.map((dim) => (typeof dim === 'number' ? dim : batch));
    return { dtype: 'float32', shape, data: new Float64Array(elementCount(shape)).fill(value) };
  };
  const feeds = new Map([[step.learningRate, scalarFeed(0)]]);
  if (step.step) feeds.set(step.step, scalarFeed(1));
  for (const { input, low, high, slots } of step.samples) {
    feeds.set(input, randomRef(random, filled(input, 0).shape));
    feeds.set(low, filled(low, -width / 2)).set(high, filled(high, width / 2));
    for (const slot of slots) feeds.set(slot.input, filled(slot.input, 0));
  }
  return feeds;
}

/** The largest difference between gradient and finite difference of the loss by any input, by the largest of either. */
function worstError(step: SynthesisStep, batch: number): number {
  const feeds = feedsOf(step, batch);
  const results = evaluateGraph(step.graph, feeds);
  const outputs = step.graph.outputs.filter(({ name }) => name === step.lossOutput);
  const lossOnly = withoutDeadCode({ ...step.graph, outputs });
  let [worst, largest] = [0, 0];
  for (const { input, slots } of step.samples) {
    const base = feeds.get(input)!;
    // Adam's first mean is (1 - β)·gradient, and it sees the input as a share of its range, which is 2 wide.
    const first = results.get(slots[0].output)!.data;
    for (let at = 0; at < base.data.length; at += 3) {
      const lossAt = (shift: number): number => {
        const data = base.data.with(at, base.data[at] + shift);
        return evaluateGraph(lossOnly, new Map(feeds).set(input, { ...base, data })).get(step.lossOutput)!.data[0];
      };
      const difference = (lossAt(SHIFT) - lossAt(-SHIFT)) / (2 * SHIFT);
      const gradient = first[at] / (1 - BETA) / 2;
      worst = Math.max(worst, Math.abs(gradient - difference));
      largest = Math.max(largest, Math.abs(difference));
    }
  }
  expect(largest).toBeGreaterThan(1e-3);
  return worst / largest;
}

describe('gradients by the input equal finite differences', () => {
  test.each([
    ['a residual and a depthwise norm', twoNorms()],
    ['pools, a concat, a dropout, and a norm of vectors', mixedNet()],
  ])('%s', (_name, graph) => {
    const step = createSynthesisStep(graph, ADAM);
    verify(step.graph);
    expect(worstError(step, 3)).toBeLessThan(1e-6);
  });

  test('several inputs, and a norm right behind one of them', () => {
    const b = new GraphBuilder('two-inputs');
    const { norm, conv } = layers(b, 6);
    const left = b.input('left', { dtype: 'float32', shape: ['N', 3, 4] });
    const right = b.input('right', { dtype: 'float32', shape: ['N', 3, 4, 4] });
    const rows = b.op('ReduceMean', [conv('c', norm('a', right), 3, 1)], { axes: [3], keepdims: 0 });
    b.output('y', norm('b', b.op('Mul', [left, b.op('Tanh', [rows])])));
    const step = createSynthesisStep(b.build(), ADAM);
    expect(step.samples.map(({ input }) => input)).toEqual(['left', 'right']);
    expect(step.layers).toEqual(['a', 'b']);
    expect(worstError(step, 2)).toBeLessThan(1e-6);
  });
});

test('the loss is the distance of the batch moments, by the definition', () => {
  const b = new GraphBuilder('norm');
  b.output('y', layers(b, 2).norm('bn', b.input('x', { dtype: 'float32', shape: ['N', 2, 3] })));
  const graph = b.build();
  const step = createSynthesisStep(graph, ADAM);
  const feeds = feedsOf(step, 4);
  const x = [...feeds.get('x')!.data];
  const held = (id: string, c: number): number => graph.constants.get(id)!.tensor.data[c] as number;
  let loss = 0;
  for (const c of [0, 1]) {
    const values = x.filter((_, i) => Math.floor(i / 3) % 2 === c);
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
    const scale = held('bn/var', c) + 1e-3;
    loss += (mean - held('bn/mean', c)) ** 2 / scale / 2 + Math.log((variance + 1e-3) / scale) ** 2 / 2;
  }
  expect(evaluateGraph(step.graph, feeds).get(step.lossOutput)!.data[0]).toBeCloseTo(loss, 6);
});

test('only what the norms depend on runs, with the weights as constants and running statistics', () => {
  const step = createSynthesisStep(twoNorms(), ADAM);
  expect(step.graph.nodes.filter(({ layer }) => layer === 'end')).toEqual([]);
  expect(step.graph.inputs).toEqual([
    ...['image', 'low/image', 'high/image', 'learning_rate', 'step', 'm/image', 'v/image'],
  ]);
  expect(getSpec(step.graph, 'low/image').shape).toEqual([1, 2, 5, 4]);
});

test('samples stay between their bounds', () => {
  const step = createSynthesisStep(twoNorms(), ADAM);
  const [{ input, output }] = step.samples;
  const feeds = feedsOf(step, 3, 1).set(step.learningRate, scalarFeed(0.3));
  const { data } = evaluateGraph(step.graph, feeds).get(output)!;
  expect(Math.max(...data.map(Math.abs))).toBe(0.5);
  expect(data).not.toEqual(feeds.get(input)!.data);
});

test('the same samples in another range move by the same share of it', () => {
  const scaled = (by: number): Graph => {
    const b = new GraphBuilder('scaled');
    const { norm, conv } = layers(b, 5);
    const x = b.input('x', { dtype: 'float32', shape: ['N', 2, 4, 4] });
    const unit = b.op('Mul', [
      x,
      b.constant(
        'by',
        randomTensor(() => 0.5, [1], 0, 2 / by),
        'literal',
      ),
    ]);
    b.output('y', norm('n', conv('c', unit, 3, 3)));
    return b.build();
  };
  const [one, many] = [1, 255].map((by) => {
    const step = createSynthesisStep(scaled(by), ADAM);
    const feeds = feedsOf(step, 2, 2 * by).set(step.learningRate, scalarFeed(0.05));
    const x = feeds.get('x')!;
    feeds.set('x', { ...x, data: x.data.map((v) => v * by) });
    return evaluateGraph(step.graph, feeds)
      .get('new/x')!
      .data.map((v) => v / by);
  });
  many.forEach((v, i) => {
    expect(v).toBeCloseTo(one[i], 6);
  });
});

test.each<[string, (b: GraphBuilder) => string, string]>([
  [
    'norms depend on no input',
    (b) => layers(b, 1).norm('n', b.constant('c', randomTensor(seededRandom(1), [2, 3]), 'literal')),
    'no batch norm of refused depends on its inputs',
  ],
  [
    'a layer hands no gradient on',
    (b) =>
      layers(b, 1).norm(
        'n',
        b.op(
          'Cast',
          [b.op('Cast', [b.input('x', { dtype: 'float32', shape: ['N', 3] })], { to: 'int32' }, { layer: 'rounds' })],
          { to: 'float32' },
        ),
      ),
    'layer rounds (Cast): no gradient flows through this op',
  ],
])('a model is refused where %s', (_name, build, message) => {
  const b = new GraphBuilder('refused');
  b.output('y', build(b));
  const fault = expect.objectContaining({ code: 'NOT_TRAINABLE', message });
  expect(() => createSynthesisStep(b.build(), ADAM)).toThrow(fault);
});
