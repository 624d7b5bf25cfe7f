import { describe, expect, test } from 'vitest';
import { type Engine, openEngine } from '../../src/engine/index.js';
import type { Graph } from '../../src/graph/graph.js';
import { replaceConstants } from '../../src/graph/passes/replace-constants.js';
import { ChannelMutator } from '../../src/pruning/index.js';
import { RECIPES, recover } from '../../src/recovery/index.js';
import type { Networks } from '../../src/recovery/networks.js';
import { rolesOf } from '../../src/recovery/recover.js';
import { atOnce, type InPieces, withPauses } from '../../src/recovery/work.js';
import { GraphSketch } from '../support/graph-sketch.js';
import { blocksOf, divergenceOf, networksOf } from '../support/recovery-networks.js';

const ALL = Object.values(RECIPES);
// Windows over three axes are another engine's than ours.
const engine: Engine = await openEngine({ engine: 'auto', threads: 1, notice: () => {} });

/** The network without these channels of each unit. */
function pruned(graph: Graph, keep: (unit: number, channel: number) => boolean): Networks {
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(graph);
  mutator.restoreState(
    Object.fromEntries(
      mutator.mutableUnits.map((unit, u) => [
        unit.name,
        Array.from({ length: unit.numChannels }, (_, c) => (keep(u, c) ? 1 : 0)),
      ]),
    ),
  );
  return networksOf(mutator);
}

/** Eight channels; every second filter is a mix of the one before: what it makes can be made of the others. */
function redundantConv(sketch: GraphSketch, x: string): string {
  const a = sketch.conv('a', x, 8);
  const { constants } = sketch.builder.build();
  for (const id of ['a.weight', 'a.bias']) {
    const { data, shape } = constants.get(id)!.tensor;
    const size = data.length / shape[0];
    for (let o = 1; o < 8; o += 2) {
      for (let i = 0; i < size; i++) (data as Float32Array)[o * size + i] = 0.7 * Number(data[(o - 1) * size + i]);
    }
  }
  return a;
}

/** A layer of its kind that reads channels of which every second is a mix of the one before, and what comes after it. */
const READERS: Readonly<Record<string, (sketch: GraphSketch, x: string) => string>> = {
  convolution: (s, x) => s.conv('b', x, 6),
  'a convolution without a bias': (s, x) => s.conv('b', x, 6, { bias: false }),
  'a convolution with a stride and dilation': (s, x) => s.conv('b', x, 6, { stride: 2, dilation: 2, pad: 2 }),
  'a convolution and a batch norm': (s, x) => s.batchNorm('n', s.conv('b', x, 6, { bias: false })),
  'a convolution with a bias, and a batch norm': (s, x) => s.batchNorm('n', s.conv('b', x, 6)),
  'a convolution and an added bias': (s, x) => {
    return s.op('Add', [s.conv('b', x, 6, { bias: false }), s.literal('added', 1, 6, 1, 1)]);
  },
  'a transposed convolution': (s, x) => s.convTranspose('b', x, 6, { stride: 2 }),
  'one side of a sum': (s, x) => s.op('Add', [s.conv('b', x, 6), s.conv('other', 'x', 6)]),
  'both sides of a sum': (s, x) => s.op('Add', [s.conv('b', x, 6, { kernel: 1 }), s.conv('c', x, 6)]),
  'a convolution over one axis': (s, x) => {
    const line = s.op('Reshape', [x], { shape: [0, 8, 64] });
    const w = s.literal('b.weight', 6, 8, 3);
    const made = s.op('Conv', [line, w, s.literal('b.bias', 6)], { pads: [1, 1] }, 'b');
    return s.op('Reshape', [made], { shape: [0, 6, 8, 8] });
  },
  'a convolution over three axes': (s, x) => {
    const volume = s.op('Reshape', [x], { shape: [0, 8, 4, 4, 4] });
    const w = s.literal('b.weight', 6, 8, 2, 2, 2);
    const made = s.op('Conv', [volume, w, s.literal('b.bias', 6)], {}, 'b');
    return s.op('Reshape', [made], { shape: [0, 6, 27, 1] });
  },
  'two layers with the same weights': (s, x) => {
    return s.op('Add', [s.relu(s.conv('b', x, 6)), s.again('b', s.op('Neg', [x]))]);
  },
  'two layers with the same weights, batch norms behind': (s, x) => {
    return s.op('Add', [s.batchNorm('n', s.conv('b', x, 6)), s.batchNorm('m', s.again('b', s.op('Neg', [x])))]);
  },
  'the same weights, each one side of a sum': (s, x) => {
    const one = s.op('Add', [s.conv('b', x, 6), s.conv('other', 'x', 6)]);
    const two = s.op('Add', [s.again('b', s.op('Neg', [x])), s.conv('another', 'x', 6)]);
    return s.op('Mul', [one, two]);
  },
  'two layers, one after the other': (s, x) => s.conv('c', s.relu(s.conv('b', x, 6)), 5),
};

/** The original, with a classifier behind the layer. */
function redundantWith(kind: string): Graph {
  const sketch = new GraphSketch(kind);
  const x = sketch.input('x', 3, 8, 8);
  const mixed = sketch.relu(redundantConv(sketch, x));
  const y = sketch.relu(READERS[kind](sketch, mixed));
  return sketch.build(sketch.dense('head', sketch.globalPool(y), 4));
}

describe('channels that others can stand for are missed by nothing:', () => {
  test.each(Object.keys(READERS))('%s', async (kind) => {
    const networks = pruned(redundantWith(kind), (u, c) => u > 0 || c % 2 === 0);
    const blocks = blocksOf(networks.original, 1, 4, 16);
    const fresh = blocksOf(networks.original, 50, 2, 16);
    const before = await divergenceOf(networks.original, networks.pruned, fresh, engine);
    expect(before).toBeGreaterThan(1e-5);
    // Each way by itself: were one wrong, another or the network as it was would hide it.
    for (const recipe of [RECIPES.least_squares, RECIPES.least_squares_on_original]) {
      const { constants } = await recover(networks, blocks, { engine, recipes: [recipe] });
      const after = await divergenceOf(networks.original, replaceConstants(networks.pruned, constants), fresh, engine);
      expect(after, recipe.name).toBeLessThan(before / 300);
    }
  });
});

/** Shared layers whose inputs wait for each other: by themselves, and by way of others. */
const TANGLED: Readonly<Record<string, (sketch: GraphSketch, x: string) => string>> = {
  'one after the other': (s, x) => s.again('b', s.relu(s.conv('b', x, 8))),
  'in turns': (s, x) => {
    const there = s.conv('c', s.relu(s.conv('b', x, 8)), 8);
    return s.op('Add', [there, s.again('b', s.relu(s.again('c', x)))]);
  },
};

test.each(Object.keys(TANGLED))('weights that layers share %s come nearer to the original', async (kind) => {
  const sketch = new GraphSketch(kind);
  const mixed = sketch.relu(redundantConv(sketch, sketch.input('x', 3, 8, 8)));
  const y = sketch.relu(TANGLED[kind](sketch, mixed));
  const graph = sketch.build(sketch.dense('head', sketch.globalPool(y), 4));
  const networks = pruned(graph, (_, c) => c !== 1);
  const blocks = blocksOf(graph, 1, 4, 16);
  const fresh = blocksOf(graph, 50, 2, 16);
  const before = await divergenceOf(graph, networks.pruned, fresh, engine);
  for (const recipe of [RECIPES.least_squares, RECIPES.least_squares_on_original]) {
    const { constants } = await recover(networks, blocks, { engine, recipes: [recipe] });
    expect([...constants.keys()]).toContain('b.weight');
    const after = await divergenceOf(graph, replaceConstants(networks.pruned, constants), fresh, engine);
    expect(after, recipe.name).toBeLessThan(before / 2);
  }
});

test('where nothing is pruned nothing changes', async () => {
  const graph = redundantWith('convolution');
  const networks = pruned(graph, () => true);
  for (const recipe of ALL) {
    const { constants } = await recover(networks, blocksOf(graph, 1, 4, 4), { engine, recipes: [recipe] });
    expect(constants.size).toBe(0);
  }
});

test('the same samples give the same bits', async () => {
  const networks = pruned(redundantWith('convolution'), (_, c) => c % 3 > 0);
  const once = await recover(networks, blocksOf(networks.original, 1, 4, 8), { engine, recipes: ALL });
  const again = await recover(networks, blocksOf(networks.original, 1, 4, 8), { engine, recipes: ALL });
  expect(once.constants.size).toBeGreaterThan(0);
  expect(again).toEqual(once);
});

test('layers that have nowhere to put a mean are counted', async () => {
  const counts = await Promise.all(
    ['a convolution without a bias', 'a convolution and a batch norm', 'two layers with the same weights'].map(
      async (kind) => {
        const networks = pruned(redundantWith(kind), (u, c) => u > 0 || c % 2 === 0);
        const blocks = blocksOf(networks.original, 1, 4, 8);
        return (await recover(networks, blocks, { engine, recipes: [RECIPES.least_squares] })).withoutOffset;
      },
    ),
  );
  expect(counts).toEqual([1, 0, 0]);
});

test('progress is told with each block of each layer, and never falls', async () => {
  const networks = pruned(redundantWith('two layers, one after the other'), (u, c) => u > 0 || c % 2 === 0);
  const blocks = blocksOf(networks.original, 1, 6, 4);
  const shares: number[] = [];
  const recipes = [RECIPES.none, RECIPES.least_squares, RECIPES.statistics];
  await recover(networks, blocks, { engine, recipes, onProgress: (share) => shares.push(share) });
  // Three layers in sequence, by each of two recipes and once more by the better of them.
  expect(shares.length).toBeGreaterThanOrEqual(3 * 3 * blocks.length);
  expect(shares).toEqual([...shares].sort((a, b) => a - b));
  expect(shares.at(-1)).toBe(1);
});

test.each([1, 3, 20])('a cancel ends it with its reason, and nothing more is done: after %i reports', async (count) => {
  const networks = pruned(redundantWith('two layers, one after the other'), (_, c) => c % 2 === 0);
  const canceled = new AbortController();
  const reason = new Error('no longer wanted');
  let reports = 0;
  const running = recover(networks, blocksOf(networks.original, 1, 6, 8), {
    engine,
    recipes: ALL,
    signal: canceled.signal,
    onProgress: () => {
      if (++reports === count) canceled.abort(reason);
    },
  });
  await expect(running).rejects.toBe(reason);
  expect(reports).toBeLessThanOrEqual(count + 1);
});

test('long work lets others have a turn, and is given up where it is no longer wanted', async () => {
  function* work(): InPieces<string> {
    for (let piece = 0; piece < 10; piece++) yield 6e7;
    return 'done';
  }
  const paused: number[] = [];
  const pause = async (multiplications: number) => void paused.push(multiplications);
  expect(await withPauses(work(), pause)).toBe('done');
  expect(paused).toEqual([12e7, 12e7, 12e7, 12e7, 12e7]);
  const unwanted = new Error('no longer wanted');
  await expect(withPauses(work(), () => Promise.reject(unwanted))).rejects.toBe(unwanted);
  expect(atOnce(work())).toBe('done');
});

describe('blocks that are judged by', () => {
  test.each([
    [2, ['fit', 'judge']],
    [3, ['fit', 'fit', 'judge']],
    [4, ['fit', 'fit', 'fit', 'judge']],
    [6, ['fit', 'fit', 'fit', 'judge', 'fit', 'fit']],
  ])('of %i: some, whatever their number', (count, roles) => {
    expect(rolesOf(count)).toEqual(roles);
  });

  test('where there are none the network stays as it was', async () => {
    const networks = pruned(redundantWith('convolution'), (_, c) => c % 2 === 0);
    const found = await recover(networks, blocksOf(networks.original, 1, 1, 8), { engine, recipes: ALL });
    expect(found).toEqual({ recipe: 'none', constants: new Map(), divergences: {}, withoutOffset: 0 });
  });
});
