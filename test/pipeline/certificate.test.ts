/** The certificate has to be able to fail: each case is a fault that a writer or a slicer could have. */
import { beforeAll, describe, expect, test } from 'vitest';
import { type Engine, openEngine } from '../../src/engine/index.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import type { Constant, Graph } from '../../src/graph/graph.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { certify } from '../../src/pipeline/certificate.js';
import { ChannelMutator } from '../../src/pruning/index.js';
import { seededRandom } from '../support/seeded-random.js';

let engine: Engine;

beforeAll(async () => {
  engine = await openEngine({ engine: 'onnxruntime', threads: 1 });
});

/** Two convolutions and a dense layer; `scale` makes the closing softmax saturate. */
function network(scale = 1): Graph {
  const random = seededRandom(5);
  const weights = (shape: number[], by = 1) =>
    tensor(
      'float32',
      shape,
      Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => (random() - 0.5) * by),
    );
  const b = new GraphBuilder('net');
  let x = b.input('x', { dtype: 'float32', shape: ['N', 2, 6, 6] });
  x = b.op(
    'Conv',
    [x, b.constant('w1', weights([8, 2, 3, 3]), 'parameter'), b.constant('b1', weights([8]), 'parameter')],
    {},
    { layer: 'c1' },
  );
  x = b.op('Relu', [x]);
  x = b.op(
    'Conv',
    [x, b.constant('w2', weights([6, 8, 3, 3]), 'parameter'), b.constant('b2', weights([6]), 'parameter')],
    {},
    { layer: 'c2' },
  );
  x = b.op('Flatten', [b.op('GlobalAveragePool', [b.op('Relu', [x])])]);
  x = b.op('Gemm', [x, b.constant('w3', weights([6, 4], scale), 'parameter')], {}, { layer: 'd' });
  b.output('y', b.op('Softmax', [x]));
  return b.build();
}

/** The pruned graph and the masked one, and the pruned one with a constant changed. */
function pruned(scale?: number) {
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(network(scale));
  mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map(({ name }) => [name, 0.5])));
  const { graph } = mutator.exportSubnet();
  const withConstant = (id: string, change: (t: Tensor) => Tensor): Graph => {
    const constant = graph.constants.get(id) as Constant;
    const constants = new Map(graph.constants).set(id, { ...constant, tensor: change(constant.tensor) });
    return { ...graph, constants };
  };
  return { written: graph, masked: mutator.maskedGraph(), withConstant };
}

const check = (written: Graph, masked: Graph) => certify(engine, { written }, masked, undefined, 0);

const map = (t: Tensor, change: (data: Float32Array) => void): Tensor => {
  const data = Float32Array.from(t.data as Float32Array);
  change(data);
  return tensor('float32', t.shape, data);
};

test('a right subnet passes, on samples of several ranges', async () => {
  const { written, masked } = pruned();
  const equivalence = await check(written, masked);
  expect(equivalence.ok).toBe(true);
  expect(equivalence.relative).toBeLessThan(1e-5);
  expect(equivalence.samples).toBe(12);
});

describe('it fails', () => {
  test.each([
    [
      'for a consumer that reads its channels in another order',
      'w2',
      (d: Float32Array) => {
        const swapped = [...d.subarray(9, 18), ...d.subarray(0, 9)];
        d.set(swapped);
      },
    ],
    ['for a bias that was dropped', 'b1', (d: Float32Array) => d.fill(0)],
    [
      'for one weight that is slightly off',
      'w1',
      (d: Float32Array) => {
        d[0] += 0.01;
      },
    ],
    [
      'for a NaN in a weight',
      'w3',
      (d: Float32Array) => {
        d[0] = Number.NaN;
      },
    ],
  ])('%s', async (_, constant, change) => {
    const { masked, withConstant } = pruned();
    await expect(
      check(
        withConstant(constant, (t) => map(t, change)),
        masked,
      ),
    ).rejects.toMatchObject({
      code: 'CERTIFICATE_FAILED',
    });
  });

  test('for a fault that a saturated softmax hides', async () => {
    const { masked, withConstant } = pruned(1e5);
    await expect(
      check(
        withConstant('w3', (t) =>
          map(t, (d) =>
            d.forEach((v, i) => {
              d[i] = v * 1.01;
            }),
          ),
        ),
        masked,
      ),
    ).rejects.toMatchObject({
      code: 'CERTIFICATE_FAILED',
    });
  });

  test('for an output of another shape', async () => {
    const { masked, written } = pruned();
    const flat = { ...written, outputs: [{ name: 'y', value: written.nodes[4].outputs[0] }] };
    await expect(check(flat, masked)).rejects.toThrow(/has shape/);
  });
});
