import { expect, test } from 'vitest';
import { type Graph, getSpec } from '../../../src/graph/graph.js';
import { getOp, opNames } from '../../../src/graph/ops/index.js';
import {
  elementCount,
  fromRef,
  gatherAxis,
  type RefTensor,
  type Tensor,
  tensor,
  toRef,
} from '../../../src/graph/tensor.js';
import { ChannelMutator, type DynamicOp, keptOfMask } from '../../../src/pruning/index.js';
import { GraphSketch } from '../../support/graph-sketch.js';
import { randomGraph } from '../../support/random-graphs.js';
import { seededRandom } from '../../support/seeded-random.js';

const SEEDS = 60;
const BATCH = 2;

function randomInput(op: DynamicOp, graph: Graph, random: () => number): RefTensor {
  const shape = getSpec(graph, op.valueOf('input')).shape.map((dim) => (typeof dim === 'number' ? dim : BATCH));
  return { dtype: 'float32', shape, data: Float64Array.from({ length: elementCount(shape) }, () => 2 * random() - 1) };
}

/** Only the channels that a mask keeps. */
function narrowed(full: RefTensor, axis: number, mask: Uint8Array): RefTensor {
  return toRef(gatherAxis({ ...fromRef(full), dtype: 'float64', data: full.data } as Tensor, axis, keptOfMask(mask)));
}

/** Products without a bias, which the random graphs have none of. */
function matMuls(): Graph {
  const s = new GraphSketch();
  const x = s.op('MatMul', [s.input('x', 6), s.literal('a.weight', 6, 12)], {}, 'a');
  return s.build(s.op('MatMul', [x, s.literal('b.weight', 12, 3)], {}, 'b'));
}

/** Two embeddings of fixed numbers, summed. */
function embeddings(): Graph {
  const s = new GraphSketch();
  const numbers = tensor('int64', [1, 5], [3, 0, 3, -1, 2]);
  const look = (layer: string) => s.embedding(layer, s.builder.constant(`${layer}.numbers`, numbers, 'literal'), 4, 6);
  const x = s.op('Add', [look('words'), look('places')]);
  return s.build(s.op('MatMul', [x, s.literal('head.weight', 6, 3)], {}, 'head'));
}

test('every op with weights runs under any masks as its static op runs on what they keep', () => {
  const seen = new Set<string>();
  const graphs = [matMuls(), embeddings(), ...Array.from({ length: SEEDS }, (_, i) => randomGraph(i + 1))];
  for (const [seed, graph] of graphs.entries()) {
    const random = seededRandom(seed + 7e6);
    const mutator = new ChannelMutator();
    mutator.prepareFromSupernet(graph);
    mutator.setChoices(mutator.sampleChoices('random', random));
    for (const op of mutator.dynamicOps) {
      const constants = op.node.inputs.slice(1).map((id) => mutator.weights.get(id));
      if (constants.some((constant, i) => !constant && op.node.inputs[i + 1] !== '')) continue;
      const table = mutator.weights.get(op.node.inputs[0]);
      const x = table ? toRef(table) : randomInput(op, graph, random);
      const [dynamic] = op.forward([x, ...constants.map((constant) => constant && toRef(constant))]);
      const { attrs, constants: sliced } = op.toStaticOp(mutator.weights);
      const slicedTable = sliced.get(op.node.inputs[0]);
      const weights = op.node.inputs
        .slice(1)
        .map((id) => sliced.get(id) ?? (slicedTable && mutator.weights.get(id)))
        .map((constant) => constant && toRef(constant));
      const own = slicedTable ? toRef(slicedTable) : narrowed(x, op.axisOf('input'), op.inChannels.currentMask);
      const [statically] = getOp(op.node.op).evaluate({ ...op.node, attrs }, [own, ...weights]);

      const label = `seed ${seed}: ${op.node.op} ${op.name}`;
      const kept = narrowed(dynamic, op.axisOf('output'), op.outChannels.currentMask);
      expect(kept.shape, label).toEqual(statically.shape);
      for (let i = 0; i < kept.data.length; i++) {
        expect(Math.abs(kept.data[i] - statically.data[i]), label).toBeLessThan(1e-9);
      }
      // What goes is zero.
      const dropped = op.outChannels.currentMask.map((bit) => 1 - bit);
      if (dropped.includes(1)) {
        expect(
          narrowed(dynamic, op.axisOf('output'), dropped).data.every((v) => v === 0),
          label,
        ).toBe(true);
      }
      seen.add(op.node.op);
    }
  }
  const parametric = opNames().filter((name) => getOp(name).parametric);
  expect([...seen].sort()).toEqual(parametric.sort());
});
