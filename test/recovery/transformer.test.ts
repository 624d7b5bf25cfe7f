/** Recovery of a transformer's block: values, output projection, both layers of the MLP, and the head. */
import { expect, test } from 'vitest';
import { type Engine, openEngine } from '../../src/engine/index.js';
import type { Graph } from '../../src/graph/graph.js';
import { replaceConstants } from '../../src/graph/passes/replace-constants.js';
import { ChannelMutator } from '../../src/pruning/index.js';
import { RECIPES, recover } from '../../src/recovery/index.js';
import type { Networks } from '../../src/recovery/networks.js';
import { CPU_ENGINE } from '../engine/cpu-engine.js';
import { GraphSketch } from '../support/graph-sketch.js';
import { blocksOf, divergenceOf, networksOf } from '../support/recovery-networks.js';

const engine: Engine = await openEngine({ engine: CPU_ENGINE, threads: 1, notice: () => {} });
const WAYS = [RECIPES.least_squares, RECIPES.least_squares_on_original];
const TOKENS = 9;
const STREAM = 12;
const INNER = 8;

class Transformer extends GraphSketch {
  /** A dense layer over the last axis, its bias added behind it. */
  linear(layer: string, x: string, units: number): string {
    const w = this.literal(`${layer}.weight`, this.shape(x).at(-1)!, units);
    return this.op('Add', [this.op('MatMul', [x, w], {}, layer), this.literal(`${layer}.bias`, units)]);
  }

  layerNorm(layer: string, x: string): string {
    return this.sampleNorm('LayerNormalization', layer, x, { axis: 2 });
  }

  block(x: string): string {
    const read = this.layerNorm('norm1', x);
    const [q, k, v] = ['q', 'k', 'v'].map((layer) => this.linear(layer, read, INNER));
    const scores = this.op('MatMul', [q, this.op('Transpose', [k], { perm: [0, 2, 1] })]);
    const mixed = this.op('MatMul', [this.op('Softmax', [scores], { axis: -1 }), v]);
    const attended = this.op('Add', [x, this.linear('out', mixed, STREAM)]);
    const hidden = this.relu(this.linear('fc1', this.layerNorm('norm2', attended), 2 * INNER));
    return this.op('Add', [attended, this.linear('fc2', hidden, STREAM)]);
  }
}

function transformer(): Graph {
  const sketch = new Transformer('transformer');
  const stream = sketch.linear('embed', sketch.input('x', TOKENS, 6), STREAM);
  const pooled = sketch.op('ReduceMean', [sketch.layerNorm('norm', sketch.block(stream))], { axes: [1], keepdims: 0 });
  const graph = sketch.build(sketch.dense('head', pooled, 4));
  // Of values and of the MLP every second channel is a share of the one before: others can stand for it.
  for (const [layer, inputs, units] of [
    ['v', STREAM, INNER],
    ['fc1', STREAM, 2 * INNER],
  ] as const) {
    const [weight, bias] = ['weight', 'bias'].map((part) => graph.constants.get(`${layer}.${part}`)!.tensor.data);
    for (let o = 1; o < units; o += 2) {
      for (let i = 0; i < inputs; i++) weight[i * units + o] = 0.7 * Number(weight[i * units + o - 1]);
      bias[o] = 0.7 * Number(bias[o - 1]);
    }
  }
  return graph;
}

/** Without every second channel of units that have the first of these layers' outputs. */
function pruned(layers: readonly string[]): Networks {
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(transformer());
  const isPruned = (unit: (typeof mutator.mutableUnits)[number]): boolean =>
    unit.channelUnit.outputRelated.some(({ node }) => layers.includes(node.name));
  const chosen = mutator.mutableUnits.filter(isPruned);
  expect(chosen).toHaveLength(layers.length);
  mutator.restoreState(
    Object.fromEntries(
      mutator.mutableUnits.map((unit) => [
        unit.name,
        Array.from({ length: unit.numChannels }, (_, c) => (isPruned(unit) && c % 2 === 1 ? 0 : 1)),
      ]),
    ),
  );
  return networksOf(mutator);
}

async function errors(networks: Networks, recipe: (typeof WAYS)[number]) {
  const { original } = networks;
  const fresh = blocksOf(original, 50, 2, 32);
  const { constants } = await recover(networks, blocksOf(original, 1, 4, 64), { engine, recipes: [recipe] });
  const before = await divergenceOf(original, networks.pruned, fresh, engine);
  const after = await divergenceOf(original, replaceConstants(networks.pruned, constants), fresh, engine);
  return { before, after, changed: [...constants.keys()] };
}

test.each(WAYS)('values and the MLP that others can stand for are missed by nothing: $name', async (recipe) => {
  const { before, after, changed } = await errors(pruned(['v', 'fc1']), recipe);
  expect(changed).toEqual(expect.arrayContaining(['out.weight', 'out.bias', 'fc2.weight', 'fc2.bias']));
  expect(before).toBeGreaterThan(1e-5);
  expect(after).toBeLessThan(before / 300);
});

test.each(WAYS)('with a narrower stream all that reads it is set anew, and comes nearer: $name', async (recipe) => {
  const { before, after, changed } = await errors(pruned(['embed']), recipe);
  const layers = ['q', 'k', 'v', 'out', 'fc1', 'fc2', 'head'];
  expect(changed).toEqual(expect.arrayContaining(layers.map((layer) => `${layer}.weight`)));
  expect(changed.filter((id) => id.startsWith('norm'))).toEqual([]);
  expect(after).toBeLessThan(before / 2);
});
