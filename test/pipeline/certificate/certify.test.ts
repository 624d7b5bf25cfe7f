/** The certificate has to be able to fail: each case is a fault that a writer or a slicer could have. */
import { beforeAll, describe, expect, test } from 'vitest';
import { type Engine, openEngine } from '../../../src/engine/index.js';
import { fileSetOf } from '../../../src/formats/index.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import type { Constant, Graph, Node } from '../../../src/graph/graph.js';
import { type Tensor, tensor } from '../../../src/graph/tensor.js';
import { certify, SAMPLES, sampleFeeds } from '../../../src/pipeline/certificate/index.js';
import { CERTIFICATE_LIMIT } from '../../../src/pipeline/certificate/limits.js';
import { ChannelMutator } from '../../../src/pruning/index.js';
import { seededRandom } from '../../support/seeded-random.js';
import { wrongEngine } from '../../support/wrong-engine.js';

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
  const selection = mutator.selection();
  const kept = (value: string, axis: number) => selection.kept(value, axis);
  return { written: graph, masked: { graph: mutator.maskedGraph(), full: mutator.analysis.graph, kept }, withConstant };
}

type Masked = ReturnType<typeof pruned>['masked'];

const check = async (written: Graph, masked: Masked, of: { masked?: Engine; delivered?: Engine } = {}) => {
  const judges = { masked: engine, delivered: engine, ...of, openFile: undefined, original: null, reasons: [] };
  const feeds = await sampleFeeds(masked.graph, undefined, { samples: SAMPLES.certifying, seed: 0 });
  const delivery = { written, files: fileSetOf(new Map()) };
  return certify(delivery, masked, { ...judges, limit: CERTIFICATE_LIMIT }, feeds, { log() {} });
};

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
      'c2 (Conv)',
      (d: Float32Array) => {
        const swapped = [...d.subarray(9, 18), ...d.subarray(0, 9)];
        d.set(swapped);
      },
    ],
    ['for a bias that was dropped', 'b1', 'c1 (Conv)', (d: Float32Array) => d.fill(0)],
    [
      'for one weight that is slightly off',
      'w1',
      'c1 (Conv)',
      (d: Float32Array) => {
        d[0] += 0.01;
      },
    ],
    [
      'for a NaN in a weight',
      'w3',
      'd (Gemm)',
      (d: Float32Array) => {
        d[0] = Number.NaN;
      },
    ],
  ])('%s, and names the layer', async (_, constant, layer, change) => {
    const { masked, withConstant } = pruned();
    await expect(
      check(
        withConstant(constant, (t) => map(t, change)),
        masked,
      ),
    ).rejects.toMatchObject({
      code: 'CERTIFICATE_FAILED',
      message: expect.stringContaining(`the first layer that differs is ${layer}, by `),
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

  const isSecond = ({ layer, op }: Node) => layer === 'c2' && op === 'Conv';

  test.each(['masked', 'delivered'] as const)('for a kernel that is wrong on the %s side', async (side) => {
    const { written, masked } = pruned();
    await expect(check(written, masked, { [side]: wrongEngine(engine, isSecond) })).rejects.toMatchObject({
      code: 'CERTIFICATE_FAILED',
      message: expect.stringContaining('the first layer that differs is c2 (Conv), by '),
    });
  });

  test('for a kernel that is wrong only where what it makes stays inside, as fused ones are', async () => {
    const { written, masked } = pruned();
    const isFused = (node: Node, { outputs }: Graph) =>
      isSecond(node) && !outputs.some(({ value }) => value === node.outputs[0]);
    // The activation behind it is the first that shows it.
    await expect(check(written, masked, { delivered: wrongEngine(engine, isFused) })).rejects.toThrow(
      /the first layer that differs is \S+ \(Relu\), by 0\.0[01]/,
    );
  });

  test('for an output of another shape', async () => {
    const { masked, written } = pruned();
    const flat = { ...written, outputs: [{ name: 'y', value: written.nodes[4].outputs[0] }] };
    await expect(check(flat, masked)).rejects.toThrow(/has shape/);
  });
});

/** A head whose results are all near 0: `sigmoid(x - 14)`, reshaped. */
function lowScores(bias: number): Graph {
  const b = new GraphBuilder('scores');
  const x = b.input('x', { dtype: 'float32', shape: ['N', 4] });
  const shifted = b.op(
    'Add',
    [x, b.constant('shift', tensor('float32', [1], [bias]), 'parameter')],
    {},
    { layer: 'a' },
  );
  b.output('y', b.op('Reshape', [b.op('Sigmoid', [shifted])], { shape: [0, 2, 2] }));
  return b.build();
}

describe('what closes with a saturating activation', () => {
  const whole = (graph: Graph): Masked => ({ graph, full: graph, kept: () => undefined });

  test('may differ by the rounding of its range where it is near 0', async () => {
    // As engines do that compute a sigmoid by a tanh.
    const rounding = wrongEngine(engine, ({ op }) => op === 'Sigmoid', 1.01);
    const equivalence = await check(lowScores(-14), whole(lowScores(-14)), { delivered: rounding });
    expect(equivalence.max_abs_diff).toBeGreaterThan(0);
    expect(equivalence.relative).toBeLessThan(1e-7);
  });

  test('may not hide what goes in, behind views neither', async () => {
    await expect(check(lowScores(-14.01), whole(lowScores(-14)))).rejects.toThrow(
      /first layer that differs is a \(Add\)/,
    );
  });
});

describe('what an output hides by its size', () => {
  const whole = (graph: Graph): Masked => ({ graph, full: graph, kept: () => undefined });
  const number = (value: number) => tensor('float32', [1], [value]);
  /** `times` is the fault, in what is small. */
  const small = (times: number, close: (b: GraphBuilder, x: string) => string): Graph => {
    const b = new GraphBuilder('small');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 4, 10] });
    const scaled = b.op('Mul', [x, b.constant('factor', number(times), 'parameter')], {}, { layer: 'm' });
    b.output('y', close(b, scaled));
    return b.build();
  };
  const shifted = (by: number) => (b: GraphBuilder, x: string) =>
    b.op('Add', [x, b.constant('shift', number(by), 'parameter')]);
  const biased = (b: GraphBuilder, x: string) => {
    const w = tensor(
      'float32',
      [10, 2],
      Array.from({ length: 20 }, (_, i) => Math.sin(i)),
    );
    const bias = tensor('float32', [2], [300, 300]);
    const inputs = [x, b.constant('w', w, 'parameter'), b.constant('bias', bias, 'parameter')];
    return b.op('Gemm', [
      b.op('Flatten', [b.op('Slice', inputs.slice(0, 1), { starts: [0], ends: [1], axes: [1] })]),
      ...inputs.slice(1),
    ]);
  };
  const beside = (b: GraphBuilder, x: string) => {
    const large = b.op('Mul', ['x', b.constant('large', number(1e6), 'parameter')]);
    return b.op('Concat', [large, b.op('Sigmoid', [x])], { axis: 1 });
  };

  test.each([
    ['an offset of 300', shifted(300)],
    ['an offset of 1e6', shifted(1e6)],
    ['a bias of 300', biased],
    ['what it is joined with', beside],
  ])('shows beside %s', async (_, close) => {
    expect((await check(small(1, close), whole(small(1, close)))).ok).toBe(true);
    await expect(check(small(1.01, close), whole(small(1, close)))).rejects.toThrow(
      /first layer that differs is m \(Mul\)/,
    );
  });

  test('may be folded into another op by a writer', async () => {
    const none = (_: GraphBuilder, x: string) => x;
    const { ok } = await check(small(1, none), whole(small(1, shifted(0))));
    expect(ok).toBe(true);
  });
});

describe('what closes with a jump', () => {
  const whole = (graph: Graph): Masked => ({ graph, full: graph, kept: () => undefined });
  const closing = (close: (b: GraphBuilder, x: string) => string, times = 1): Graph => {
    const b = new GraphBuilder('closing');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 4, 1000] });
    const factor = b.constant('factor', tensor('float32', [1], [9 * times]), 'parameter');
    b.output('y', close(b, b.op('Mul', [x, factor], {}, { layer: 'm' })));
    return b.build();
  };
  const rounded = (b: GraphBuilder, x: string) => b.op('Cast', [x], { to: 'int32' });

  test('may jump in few places, where what goes in differs by its rounding', async () => {
    const equivalence = await check(closing(rounded, 1.000001), whole(closing(rounded)));
    expect(equivalence.max_abs_diff).toBe(1);
    expect(equivalence.relative).toBeGreaterThan(0);
    await expect(check(closing(rounded, 1.01), whole(closing(rounded)))).rejects.toThrow(/outputs' spread/);
  });

  test('may not hide what goes in', async () => {
    const chosen = (b: GraphBuilder, x: string) => b.op('ArgMax', [x], { axis: 1, keepdims: 0 });
    const likely = (b: GraphBuilder, x: string) => chosen(b, b.op('Softmax', [x], { axis: 1 }));
    for (const close of [chosen, likely]) {
      await expect(check(closing(close, 1.01), whole(closing(close)))).rejects.toThrow(
        /by 0\.0\d+ of its outputs' spread.*first layer that differs is m \(Mul\)/,
      );
    }
  });

  test('nor does an infinite mask that goes into a softmax, which is no fault', async () => {
    const masked = (b: GraphBuilder, x: string) => {
      const mask = tensor('float32', [4, 1], [0, 0, 0, Number.NEGATIVE_INFINITY]);
      return b.op('Softmax', [b.op('Add', [x, b.constant('mask', mask, 'literal')])], { axis: 1 });
    };
    const { ok } = await check(closing(masked), whole(closing(masked)));
    expect(ok).toBe(true);
    await expect(check(closing(masked, 1.01), whole(closing(masked)))).rejects.toThrow(/first layer that differs is m/);
  });
});
