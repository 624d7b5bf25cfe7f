/** Dynamic ops of predefined models have whatever masks are registered on them, not only those that an analysis would give. */
import { describe, expect, test } from 'vitest';
import { type Graph, getSpec } from '../../../src/graph/graph.js';
import { getOp } from '../../../src/graph/ops/index.js';
import { fromRef, gatherAxis, type RefTensor, type Tensor, toRef } from '../../../src/graph/tensor.js';
import { DynamicModel, type DynamicOp, keptOfMask, SimpleMutableChannel } from '../../../src/pruning/index.js';
import { GraphSketch } from '../../support/graph-sketch.js';
import { seededRandom } from '../../support/seeded-random.js';

function narrowed(full: RefTensor, axis: number, mask: Uint8Array): RefTensor {
  return toRef(gatherAxis({ ...fromRef(full), dtype: 'float64', data: full.data } as Tensor, axis, keptOfMask(mask)));
}

function withMasks(graph: Graph, layer: string, input: number[], output = input): DynamicOp {
  const op = new DynamicModel(graph).getOp(layer);
  const register = (container: DynamicOp['inChannels'], mask: number[]) => {
    if (container.registrations.length > 0) return;
    const mutable = new SimpleMutableChannel(mask.length);
    mutable.currentChoice = Uint8Array.from(mask);
    container.register(0, mutable);
  };
  register(op.inChannels, input);
  register(op.outChannels, output);
  return op;
}

function constantsOf(graph: Graph): Map<string, Tensor> {
  return new Map([...graph.constants].map(([id, { tensor }]) => [id, tensor]));
}

/** The full op under its masks, and the static op on what they keep; both with the dropped channels gone. */
function bothForms(graph: Graph, op: DynamicOp): { dynamic: RefTensor; exported: RefTensor } {
  const weights = constantsOf(graph);
  const random = seededRandom(3);
  const shape = getSpec(graph, op.valueOf('input')).shape.map((dim) => (typeof dim === 'number' ? dim : 2));
  const size = shape.reduce((product, d) => product * d, 1);
  const x: RefTensor = { dtype: 'float32', shape, data: Float64Array.from({ length: size }, () => 2 * random() - 1) };
  const ids = op.node.inputs.slice(1);
  const [full] = op.forward([x, ...ids.map((id) => toRef(weights.get(id)!))]);
  const { attrs, constants } = op.toStaticOp(weights);
  const own = narrowed(x, op.axisOf('input'), op.inChannels.currentMask);
  const [exported] = getOp(op.node.op).evaluate({ ...op.node, attrs }, [
    own,
    ...ids.map((id) => toRef(constants.get(id)!)),
  ]);
  return { dynamic: narrowed(full, op.axisOf('output'), op.outChannels.currentMask), exported };
}

function expectSame(graph: Graph, op: DynamicOp): void {
  const { dynamic, exported } = bothForms(graph, op);
  expect(exported.shape).toEqual(dynamic.shape);
  dynamic.data.forEach((value, i) => {
    expect(Math.abs(value - exported.data[i])).toBeLessThan(1e-9);
  });
}

const grouped = (kind: 'conv' | 'convTranspose', from: number, to: number, group: number): Graph => {
  const s = new GraphSketch();
  return s.build(s[kind]('op', s.input('x', from, 4, 4), to, { group }));
};

describe.each(['conv', 'convTranspose'] as const)('a grouped %s', (kind) => {
  test.each<[string, number[], number[]]>([
    ['other positions in each group', [1, 0, 1, 0, 1, 1], [0, 1, 1, 0]],
    ['a group that is gone', [0, 0, 0, 1, 0, 1], [0, 0, 1, 1]],
  ])('with %s', (_name, input, output) => {
    const graph = grouped(kind, 6, 4, 2);
    expectSame(graph, withMasks(graph, 'op', input, output));
  });

  test('with a depth multiplier, and groups that keep other copies', () => {
    const graph = grouped(kind, 3, 9, 3);
    expectSame(graph, withMasks(graph, 'op', [1, 0, 1], [1, 1, 0, 0, 0, 0, 0, 1, 1]));
  });

  test.each<[string, number[], number[]]>([
    ['more inputs in one group', [1, 0, 0, 1, 1, 0], [1, 0, 0, 1]],
    ['more outputs in one group', [1, 0, 0, 1, 0, 0], [1, 1, 0, 1]],
    ['a group that reads nothing', [1, 1, 1, 0, 0, 0], [1, 1, 1, 1]],
  ])('%s has no static form, and says so', (_name, input, output) => {
    const graph = grouped(kind, 6, 4, 2);
    const op = withMasks(graph, 'op', input, output);
    expect(() => op.toStaticOp(constantsOf(graph))).toThrow(
      /op: group 1 keeps \d input and \d output channels, group 0/,
    );
  });
});

describe('a group norm', () => {
  const norm = (): Graph => {
    const s = new GraphSketch();
    return s.build(s.sampleNorm('GroupNormalization', 'op', s.input('x', 6, 4, 4), { num_groups: 2 }));
  };

  test('with other positions in each group', () => {
    expectSame(norm(), withMasks(norm(), 'op', [1, 0, 1, 0, 1, 1]));
  });

  test('with a group that is gone', () => {
    expectSame(norm(), withMasks(norm(), 'op', [0, 0, 0, 1, 0, 1]));
  });

  test('with every group gone nothing is left of it', () => {
    const { attrs, constants } = withMasks(norm(), 'op', [0, 0, 0, 0, 0, 0]).toStaticOp(constantsOf(norm()));
    expect(attrs.num_groups).toBe(0);
    expect([...constants.values()].map(({ shape }) => shape)).toEqual([[0], [0]]);
  });

  test('with uneven groups it runs over what each keeps, and has no static form', () => {
    const graph = norm();
    const op = withMasks(graph, 'op', [1, 1, 1, 1, 0, 0]);
    const x: RefTensor = {
      dtype: 'float32',
      shape: [1, 6, 1, 2],
      data: Float64Array.from([1, 5, 3, 2, 4, 9, 2, 6, 0, 0, 7, 7]),
    };
    const one: RefTensor = { dtype: 'float32', shape: [6], data: new Float64Array(6).fill(1) };
    const [{ data }] = op.forward([x, one, { ...one, data: new Float64Array(6) }]);
    // The second group is its one channel, 2 and 6: mean 4, deviation 2.
    expect([...data.subarray(6, 8)].map((v) => Number(v.toFixed(4)))).toEqual([-1, 1]);
    expect([...data.subarray(8)]).toEqual([0, 0, 0, 0]);
    expect(() => op.toStaticOp(constantsOf(graph))).toThrow(/group 1 keeps 1 input/);
  });
});
