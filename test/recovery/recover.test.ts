import { expect, test } from 'vitest';
import { type Engine, openEngine } from '../../src/engine/index.js';
import type { Graph } from '../../src/graph/graph.js';
import { replaceConstants } from '../../src/graph/passes/replace-constants.js';
import { ChannelMutator } from '../../src/pruning/index.js';
import { divergenceOf } from '../../src/recovery/divergence.js';
import { RECIPES, recover } from '../../src/recovery/index.js';
import type { Networks } from '../../src/recovery/networks.js';
import { CPU_ENGINE } from '../engine/cpu-engine.js';
import { GraphSketch } from '../support/graph-sketch.js';
import { blocksOf, networksOf } from '../support/recovery-networks.js';

const ALL = Object.values(RECIPES);
const engine: Engine = await openEngine({ engine: CPU_ENGINE, threads: 1, notice: () => {} });

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

/** Every second filter is a mix of the one before: what they make can be made of the others. */
function redundant(sketch: GraphSketch): Graph {
  const x = sketch.input('x', 3, 8, 8);
  const a = sketch.conv('a', x, 8);
  const first = sketch.builder.build().constants;
  for (const id of ['a.weight', 'a.bias']) {
    const { data, shape } = first.get(id)!.tensor;
    const size = data.length / shape[0];
    for (let o = 1; o < 8; o += 2) {
      for (let i = 0; i < size; i++) (data as Float32Array)[o * size + i] = 0.7 * Number(data[(o - 1) * size + i]);
    }
  }
  const b = sketch.relu(sketch.conv('b', sketch.relu(a), 6));
  return sketch.build(sketch.dense('head', sketch.globalPool(b), 4));
}

test('channels that others can stand for are missed by nothing', async () => {
  const networks = pruned(redundant(new GraphSketch('redundant')), (u, c) => u > 0 || c % 2 === 0);
  const blocks = blocksOf(networks.original, 1, 4, 16);
  const fresh = blocksOf(networks.original, 50, 2, 16);
  const before = await divergenceOf(networks.original, networks.pruned, fresh, engine);
  const { constants, recipe } = await recover(networks, blocks, { engine, recipes: ALL });
  const after = await divergenceOf(networks.original, replaceConstants(networks.pruned, constants), fresh, engine);
  expect(recipe).not.toBe('none');
  expect(before).toBeGreaterThan(1e-4);
  expect(after).toBeLessThan(before / 300);
});

test('where nothing is pruned nothing changes', async () => {
  const graph = redundant(new GraphSketch('whole'));
  const networks = pruned(graph, () => true);
  for (const recipe of ALL) {
    const { constants } = await recover(networks, blocksOf(graph, 1, 4, 4), { engine, recipes: [recipe] });
    expect(constants.size).toBe(0);
  }
});

test('the same samples give the same bits', async () => {
  const networks = pruned(redundant(new GraphSketch('again')), (_, c) => c % 3 > 0);
  const once = await recover(networks, blocksOf(networks.original, 1, 4, 8), { engine, recipes: ALL });
  const again = await recover(networks, blocksOf(networks.original, 1, 4, 8), { engine, recipes: ALL });
  expect(once.constants.size).toBeGreaterThan(0);
  expect(again).toEqual(once);
});

test('a cancel ends it with its reason', async () => {
  const networks = pruned(redundant(new GraphSketch('canceled')), (_, c) => c % 2 === 0);
  const canceled = new AbortController();
  const reason = new Error('no longer wanted');
  const running = recover(networks, blocksOf(networks.original, 1, 4, 8), {
    engine,
    recipes: ALL,
    signal: canceled.signal,
    onProgress: () => canceled.abort(reason),
  });
  await expect(running).rejects.toBe(reason);
});
