/** What one sample costs is the same however the batch of a graph is written: open, 1 or 4. */
import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.js';
import { graphCost } from '../../src/graph/cost.js';
import { type Dim, type Graph, getSpec } from '../../src/graph/graph.js';
import { getOp, opNames } from '../../src/graph/ops/index.js';
import { reinfer } from '../../src/graph/passes/reinfer.js';
import { tensor } from '../../src/graph/tensor.js';
import { ChannelMutator, planChoices } from '../../src/pruning/index.js';
import { OP_CASES, opGraph } from '../engine/op-cases.js';
import { Random } from '../engine/random.js';
import { describeShared } from '../shared.js';
import { readOnnx } from '../support/onnx-files.js';
import { randomGraph } from '../support/random-graphs.js';

const float = (...shape: Dim[]) => ({ dtype: 'float32' as const, shape });
const weights = (...shape: number[]) => tensor('float32', shape, new Float32Array(shape.reduce((n, d) => n * d, 1)));

/** The graph for a batch that is a number; undefined where an input has none, or that alone, so that there is no saying which it is. */
function inBatchesOf(graph: Graph, batch: number): Graph | undefined {
  const shapes = graph.inputs.map((id) => [id, getSpec(graph, id).shape] as const);
  if (shapes.some(([, shape]) => shape[0] !== 'N' || shape.length < 2)) return undefined;
  return reinfer(graph, { inputs: new Map(shapes.map(([id, shape]) => [id, [batch, ...shape.slice(1)]])) });
}

function expectSameCosts(graph: Graph): void {
  const open = graphCost(graph);
  for (const batch of [1, 4]) expect(graphCost(inBatchesOf(graph, batch)!), `${graph.name} for ${batch}`).toEqual(open);
}

/** Its random graphs have no open batch; the windows below are of it. */
const PRODUCT = 'MatMul';

test.each(opNames().filter((op) => getOp(op).cost && op !== PRODUCT))('%s', (op) => {
  const graphs = Array.from({ length: 60 }, (_, seed) => opGraph(op, `${op} of seed ${seed}`, new Random(seed)));
  const batched = graphs.filter((graph) => inBatchesOf(graph, 1));
  expect(batched.length).toBeGreaterThan(5);
  for (const graph of batched) expectSameCosts(graph);
});

test('every op that costs has random graphs', () => {
  expect(opNames().filter((op) => getOp(op).cost && !OP_CASES[op])).toEqual([]);
});

test('random networks cost the same, and their planner comes to the same widths', () => {
  const networks = Array.from({ length: 40 }, (_, seed) => randomGraph(seed)).filter((graph) => inBatchesOf(graph, 1));
  expect(networks.length).toBeGreaterThan(20);
  for (const graph of networks) {
    expectSameCosts(graph);
    const plans = [graph, inBatchesOf(graph, 4)!].map((same) => {
      const mutator = new ChannelMutator();
      mutator.prepareFromSupernet(same);
      const plan = planChoices(mutator, { macs: 0.6 }, 'macs');
      mutator.setChoices(plan.choices);
      expect(graphCost(mutator.exportSubnet().graph).macs, graph.name).toBe(plan.predicted.macs);
      return plan;
    });
    expect(plans[1]).toEqual(plans[0]);
  }
});

/** Windows of a plane as batches of their own, attention among them, frames for convolutions, a pooled head. */
function windows(batch: number | 'N', convolved = true): Graph {
  const b = new GraphBuilder(`windows of ${batch}`);
  const times = (n: number): number => (batch === 'N' ? -1 : n * batch);
  const x = b.input('x', float(batch, 4, 8, 8));
  const w = (id: string, ...shape: number[]) => b.constant(id, weights(...shape), 'parameter');
  const mixed = convolved ? b.op('Conv', [x, w('c.w', 4, 4, 1, 1), w('cb.w', 4)], {}, { name: 'conv' }) : x;
  const split = b.op('Reshape', [mixed], { shape: [batch === 'N' ? 0 : batch, 4, 2, 4, 2, 4] });
  const inWindows = b.op('Transpose', [split], { perm: [0, 2, 4, 3, 5, 1] });
  const tokens = b.op('Reshape', [inWindows], { shape: [times(4), 16, 4] });
  const normal = b.op('LayerNormalization', [tokens, w('ln.w', 4), w('lnb.w', 4)], { axis: -1 }, { name: 'norm' });
  const q = b.op('MatMul', [normal, w('q.w', 4, 4)], {}, { name: 'q' });
  const scores = b.op('MatMul', [q, b.op('Transpose', [normal], { perm: [0, 2, 1] })], {}, { name: 'scores' });
  const y = b.op('MatMul', [b.op('Softmax', [scores], { axis: -1 }), normal], {}, { name: 'attend' });
  const frames = b.op('Reshape', [b.op('Transpose', [y], { perm: [0, 2, 1] })], { shape: [times(4), 4, 4, 4] });
  const deep = b.op('Conv', [frames, w('d.w', 4, 1, 3, 3)], { group: 4, pads: [1, 1, 1, 1] }, { name: 'frames' });
  const up = b.op('ConvTranspose', [deep, w('t.w', 4, 2, 2, 2)], { strides: [2, 2] }, { name: 'up' });
  const pooled = b.op('GlobalAveragePool', [b.op('Relu', [up])], {}, { name: 'pool' });
  const flat = b.op('Reshape', [pooled], { shape: [batch === 'N' ? -1 : batch, 8] });
  b.output('y', b.op('Gemm', [flat, w('fc.w', 8, 3)], {}, { name: 'fc' }));
  return b.build();
}

describe('a batch that is merged into other axes', () => {
  test.each([1, 4, 6])('windows count for each sample, as with an open batch: %i', (batch) => {
    for (const convolved of [true, false]) {
      const [open, fixed] = [graphCost(windows('N', convolved)), graphCost(windows(batch, convolved))];
      expect(fixed.perNode).toEqual(open.perNode);
      expect(fixed).toEqual(open);
    }
  });

  test('four windows of 16 places each', () => {
    const { perNode } = graphCost(windows(4));
    const costs = Object.fromEntries(
      ['conv', 'norm', 'q', 'scores', 'attend', 'frames', 'up', 'fc'].map((n) => [n, perNode.get(n)]),
    );
    expect(costs).toEqual({
      conv: { macs: 4 * 4 * 64, mmrazor: 4 * 4 * 64 + 4 * 64 },
      norm: { macs: 0, mmrazor: 4 * 16 * 4 },
      q: { macs: 4 * 16 * 4 * 4, mmrazor: 4 * 16 * 4 * 4 },
      // Products of two activations, which the original doesn't count, whatever the batch.
      scores: { macs: 4 * 16 * 16 * 4, mmrazor: 0 },
      attend: { macs: 4 * 16 * 16 * 4, mmrazor: 0 },
      frames: { macs: 4 * 9 * 4 * 16, mmrazor: 4 * 9 * 4 * 16 },
      up: { macs: 4 * (4 * 2 * 4) * 16, mmrazor: 4 * (4 * 2 * 4) * 16 },
      fc: { macs: 24, mmrazor: 24 },
    });
  });
});

test('what is computed of weights alone is computed once, however many samples there are', () => {
  const standardized = (batch: Dim): Graph => {
    const b = new GraphBuilder('standardized');
    const x = b.input('x', float(batch, 2, 4, 4));
    const raw = b.constant('w', weights(3, 2, 1, 1), 'parameter');
    const ones = b.constant('ones', weights(3), 'parameter');
    const w = b.op(
      'InstanceNormalization',
      [b.op('Transpose', [raw], { perm: [1, 0, 2, 3] }), ones, ones],
      {},
      { name: 'norm' },
    );
    b.output('y', b.op('Conv', [x, b.op('Transpose', [w], { perm: [1, 0, 2, 3] })], {}, { name: 'conv' }));
    return b.build();
  };
  for (const batch of ['N', 1, 4]) {
    const { perNode } = graphCost(standardized(batch));
    expect(perNode.get('norm')).toEqual({ macs: 0, mmrazor: 2 * 6 });
    expect(perNode.get('conv')).toEqual({ macs: 2 * 3 * 16, mmrazor: 2 * 3 * 16 });
  }
});

describe('a first extent that is no batch', () => {
  const conv = (b: GraphBuilder, x: string) => b.op('Conv', [x, b.constant('w', weights(6, 3, 3, 3), 'parameter')]);

  test('an image without one is one sample', () => {
    const b = new GraphBuilder('image');
    const x = b.op('Reshape', [b.input('x', float(3, 8, 8))], { shape: [1, 3, 8, 8] });
    b.output('y', b.op('Reshape', [conv(b, x)], { shape: [6, 6, 6] }));
    expect(graphCost(b.build()).macs).toBe(9 * 3 * 6 * 36);
  });

  test('nor are rows where outputs have none of them', () => {
    const b = new GraphBuilder('rows');
    const x = b.op('Reshape', [b.input('x', float(6, 4))], { shape: [1, 24] });
    b.output('y', b.op('Gemm', [x, b.constant('w', weights(24, 5), 'parameter')]));
    expect(graphCost(b.build()).macs).toBe(24 * 5);
  });

  test('states of another layout beside a batch leave it one', () => {
    const b = new GraphBuilder('state');
    const x = b.input('x', float(4, 8));
    const state = b.op('Reshape', [b.input('state', float(1, 4, 8))], { shape: [4, 8] });
    b.output('y', b.op('Gemm', [b.op('Add', [x, state]), b.constant('w', weights(8, 5), 'parameter')]));
    expect(graphCost(b.build()).macs).toBe(8 * 5);
  });
});

describeShared('models in batches of 2 only', 'cases', (folder) => {
  test.each([
    // Counted by hand of the layers' sizes: stem and depthwise convolutions, two dense layers a block, the head.
    ['tv-convnext_tiny--d', 3_401_184],
  ])('%s', async (name, macs) => {
    const { graph } = await readOnnx(`${folder}/${name}.onnx`);
    expect(getSpec(graph, graph.inputs[0]).shape[0]).toBe(2);
    expect(graphCost(graph).macs).toBe(macs);
  });
});
