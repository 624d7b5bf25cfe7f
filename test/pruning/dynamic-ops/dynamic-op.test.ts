import { expect, test } from 'vitest';
import { type Graph, getSpec } from '../../../src/graph/graph.js';
import { getOp, opNames } from '../../../src/graph/ops/index.js';
import { elementCount, fromRef, gatherAxis, type RefTensor, type Tensor, toRef } from '../../../src/graph/tensor.js';
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

test('every op with weights runs under any masks as its static op runs on what they keep', () => {
  const seen = new Set<string>();
  const graphs = [matMuls(), ...Array.from({ length: SEEDS }, (_, i) => randomGraph(i + 1))];
  for (const [seed, graph] of graphs.entries()) {
    const random = seededRandom(seed + 7e6);
    const mutator = new ChannelMutator();
    mutator.prepareFromSupernet(graph);
    mutator.setChoices(mutator.sampleChoices('random', random));
    for (const op of mutator.dynamicOps) {
      const constants = op.node.inputs.slice(1).map((id) => mutator.weights.get(id));
      if (constants.some((constant, i) => !constant && op.node.inputs[i + 1] !== '')) continue;
      const x = randomInput(op, graph, random);
      const [dynamic] = op.forward([x, ...constants.map((constant) => constant && toRef(constant))]);
      const { attrs, constants: sliced } = op.toStaticOp(mutator.weights);
      const weights = op.node.inputs
        .slice(1)
        .map((id) => sliced.get(id))
        .map((constant) => constant && toRef(constant));
      const own = narrowed(x, op.axisOf('input'), op.inChannels.currentMask);
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
