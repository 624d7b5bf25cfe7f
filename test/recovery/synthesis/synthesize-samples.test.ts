import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Engine, openEngine } from '../../../src/engine/index.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import type { Graph } from '../../../src/graph/graph.js';
import type { Tensor } from '../../../src/graph/tensor.js';
import { openModel } from '../../../src/pipeline/open-model.js';
import { type Synthesis, type SynthesisOptions, synthesizeSamples } from '../../../src/recovery/synthesis/index.js';
import { USUAL_RANGES } from '../../../src/recovery/synthesis/sample-range.js';
import { layers } from '../../autodiff/nets.js';
import { randomTensor } from '../../autodiff/random.js';
import { CPU_ENGINE } from '../../engine/cpu-engine.js';
import { describeShared } from '../../shared.js';
import { seededRandom } from '../../support/seeded-random.js';
import { noiseBlock, settled, smallNet } from './settled-net.js';

const [UNIT] = USUAL_RANGES;
const TRAINED_ON = { samples: 48, seed: 77 };

let engine: Engine;
let net: Graph;
/** Graphs that were compiled and not released. */
let open = 0;

beforeAll(async () => {
  engine = counting(await openEngine({ engine: CPU_ENGINE, threads: 1 }));
  const { feeds } = noiseBlock(smallNet(), UNIT, TRAINED_ON.samples, TRAINED_ON.seed);
  net = await settled(smallNet(), engine, feeds);
});

afterAll(() => {
  expect(open).toBe(0);
});

function counting(inner: Engine): Engine {
  return {
    ...inner,
    async compile(graph, options) {
      const compiled = await inner.compile(graph, options);
      open++;
      return {
        run: (feeds, spent) => compiled.run(feeds, spent),
        ...(compiled.memoryBytes && { memoryBytes: (shapes) => compiled.memoryBytes!(shapes) }),
        async release() {
          open--;
          await compiled.release();
        },
      };
    },
  };
}

async function synthesize(options: Partial<SynthesisOptions> = {}): Promise<Synthesis> {
  const made = await synthesizeSamples({ graph: net, engine, seed: 5, count: 8, steps: 30, ...options });
  if ('reason' in made) throw new Error(made.reason);
  return made;
}

const image = ({ blocks }: Synthesis): Tensor[] => blocks.map(({ feeds }) => feeds.get('image')!);
const unit = new Map([['image', { low: 0, high: 1 }]]);

describe('samples', () => {
  test('come near to the statistics that the norms hold, and stay in the range', async () => {
    const made = await synthesize({ ranges: unit, steps: 80 });
    expect(made.lossAfter).toBeLessThan(0.1 * made.lossBefore);
    expect(made.layers).toEqual(['stem_norm', 'inner_norm', 'outer_norm', 'deep_norm']);
    const [{ shape, data }] = image(made);
    expect(shape).toEqual([8, 3, 12, 12]);
    expect([...data].every((v) => Number(v) >= 0 && Number(v) <= 1)).toBe(true);
  });

  test.each([1, 2])('are the same for the same seed, and others for another, with threads: %d', async (threads) => {
    const own = counting(await openEngine({ engine: CPU_ENGINE, threads }));
    const of = (seed: number): Promise<Synthesis> => synthesize({ engine: own, seed });
    const [once, again, other] = [await of(5), await of(5), await of(6)];
    expect(image(again)).toEqual(image(once));
    expect(again.lossAfter).toBe(once.lossAfter);
    expect(image(other)).not.toEqual(image(once));
  });

  test('go through in blocks of nearly one size where memory is short', async () => {
    const whole = await synthesize({ ranges: unit, count: 7, steps: 1 });
    expect(whole.blocks.map(({ samples }) => samples)).toEqual([7]);
    const short = await synthesizeSamples({ graph: net, engine, seed: 5, limitBytes: 1 });
    const one = Number('reason' in short && /takes (\d+) bytes/.exec(short.reason)![1]);
    const parts = await synthesize({ ranges: unit, count: 7, steps: 1, limitBytes: 2 * one });
    expect(parts.blocks.length).toBeGreaterThan(1);
    const sizes = parts.blocks.map(({ samples }) => samples);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(7);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    expect(image(parts).map(({ shape }) => shape[0])).toEqual(sizes);
  });

  test('every input has some, within the range of its channels', async () => {
    const b = new GraphBuilder('two');
    const { conv, norm, dense } = layers(b, 4);
    const x = b.input('image', { dtype: 'float32', shape: ['N', 2, 6, 6] });
    const unread = b.input('side', { dtype: 'float32', shape: ['N', 3] });
    const rows = b.op('Flatten', [b.op('GlobalAveragePool', [norm('n', conv('c', x, 4, 3))])]);
    b.output('y', dense('d', b.op('Concat', [rows, unread], { axis: 1 }), 2));
    const ranges = new Map([
      ['image', { low: [-2, 10], high: [-1, 20] }],
      ['side', { low: 5, high: 6 }],
    ]);
    const { blocks } = await synthesize({ graph: b.build(), ranges });
    const [{ feeds }] = blocks;
    expect([...feeds.keys()]).toEqual(['image', 'side']);
    [...feeds.get('image')!.data].map(Number).forEach((v, i) => {
      const [low, high] = Math.floor(i / 36) % 2 === 0 ? [-2, -1] : [10, 20];
      expect(v >= low && v <= high, `${v} at ${i}`).toBe(true);
    });
    expect([...feeds.get('side')!.data].every((v) => Number(v) >= 5 && Number(v) <= 6)).toBe(true);
  });
});

describe('the range', () => {
  test.each(USUAL_RANGES.map((range) => [range.name, range] as const))('%s is found', async (name, range) => {
    const { feeds } = noiseBlock(smallNet(), range, TRAINED_ON.samples, TRAINED_ON.seed);
    const graph = await settled(smallNet(), engine, feeds);
    const { trial, ranges } = await synthesize({ graph, steps: 1 });
    expect(trial!.taken).toBe(name);
    expect(Object.keys(trial!.losses)).toEqual(USUAL_RANGES.map((usual) => usual.name));
    expect(ranges.get('image')).toEqual(range.of(3));
  });

  test('is not looked for where it is given', async () => {
    const ranges = new Map([['image', { low: -3, high: 4 }]]);
    const made = await synthesize({ ranges, steps: 1 });
    expect(made.trial).toBeUndefined();
    expect(made.ranges).toBe(ranges);
  });

  test.each<[string, SynthesisOptions['ranges'], string]>([
    ['of another input', new Map([['picture', { low: 0, high: 1 }]]), 'the input image has no range'],
    ['upside down', new Map([['image', { low: 1, high: 0 }]]), 'the range of input image goes from 1 to 0'],
    ['for other channels', new Map([['image', { low: [0, 0], high: 1 }]]), 'has 2 bounds for 3 channels'],
  ])('is refused: %s', async (_name, ranges, message) => {
    await expect(synthesize({ ranges })).rejects.toThrow(message);
  });
});

describe('progress', () => {
  test('goes to 1 in equal steps', async () => {
    const shares: number[] = [];
    await synthesize({ ranges: unit, steps: 4, onProgress: (share) => shares.push(share) });
    expect(shares).toEqual([0.25, 0.5, 0.75, 1]);
  });

  test('ends where it is canceled', async () => {
    const canceling = new AbortController();
    let steps = 0;
    const onProgress = (): void => {
      if (++steps === 3) canceling.abort(new Error('enough'));
    };
    await expect(synthesize({ signal: canceling.signal, onProgress })).rejects.toThrow('enough');
    expect(steps).toBe(3);
  });
});

describe('there are none, for a reason', () => {
  const float = { dtype: 'float32', shape: ['N', 4] } as const;
  test.each<[string, (b: GraphBuilder) => string, string]>([
    ['no norms', (b) => layers(b, 1).dense('d', b.input('x', float), 2), 'the model has no batch norms'],
    [
      'a norm whose statistics are computed',
      (b) => {
        const x = b.input('x', float);
        const vector = (id: string) => b.constant(id, randomTensor(seededRandom(1), [4], 1, 2), 'parameter');
        const mean = b.op('ReduceMean', [x], { axes: [0], keepdims: 0 });
        return b.op('BatchNormalization', [x, vector('s'), vector('b'), mean, vector('v')]);
      },
      'the model has no batch norms',
    ],
    [
      'a norm that was never trained, or stands for an affine layer',
      (b) => {
        const vector = (id: string, value: number) =>
          b.constant(
            id,
            randomTensor(() => 0, [4], value, value),
            'statistic',
          );
        const x = b.input('x', float);
        return b.op('BatchNormalization', [x, vector('s', 2), vector('b', 3), vector('m', 0), vector('v', 1)]);
      },
      'the model has no batch norms that hold statistics of its training data',
    ],
    [
      'integers',
      (b) => {
        const table = b.constant('t', randomTensor(seededRandom(1), [9, 4]), 'parameter');
        return layers(b, 1).norm('n', b.op('Gather', [table, b.input('ids', { dtype: 'int64', shape: ['N'] })]));
      },
      'the input ids is int64',
    ],
    [
      'indices in floats',
      (b) => {
        const table = b.constant('t', randomTensor(seededRandom(1), [9, 4]), 'parameter');
        const ids = b.op('Cast', [b.input('ids', { dtype: 'float32', shape: ['N'] })], { to: 'int64' });
        return layers(b, 1).norm('n', b.op('Gather', [table, ids]));
      },
      'the input ids holds whole numbers',
    ],
    [
      'a fixed batch',
      (b) => layers(b, 1).norm('n', b.input('x', { dtype: 'float32', shape: [2, 4] })),
      'the input x has shape [2, 4]: the batch must be open',
    ],
    [
      'an open extent',
      (b) => layers(b, 1).norm('n', b.input('x', { dtype: 'float32', shape: ['N', 4, 'T'] })),
      'the input x has shape [N, 4, T]: the batch must be open, and nothing else',
    ],
    [
      'a layer in the way',
      (b) => {
        const rounded = b.op('Cast', [b.input('x', float)], { to: 'int32' }, { layer: 'rounds' });
        return layers(b, 1).norm('n', b.op('Cast', [rounded], { to: 'float32' }));
      },
      'layer rounds (Cast): no gradient flows through this op',
    ],
  ])('%s', async (_name, build, reason) => {
    const b = new GraphBuilder('refused');
    b.output('y', build(b));
    const made = await synthesizeSamples({ graph: b.build(), engine, seed: 1 });
    expect(made).toEqual({ reason: expect.stringContaining(reason) });
  });

  test('one sample is too large', async () => {
    const made = await synthesizeSamples({ graph: net, engine, seed: 1, limitBytes: 1000 });
    expect(made).toEqual({
      reason: expect.stringMatching(/^one sample takes \d+ bytes of memory, and 1000 may be used$/),
    });
  });

  test('numbers leave what floats hold', async () => {
    const b = new GraphBuilder('overflow');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 4, 3] });
    const huge = b.op('Mul', [
      x,
      b.constant(
        'c',
        randomTensor(() => 1, [1], 0, 3e38),
        'literal',
      ),
    ]);
    b.output('y', layers(b, 1).norm('n', b.op('Mul', [huge, huge])));
    const made = await synthesizeSamples({ graph: b.build(), engine, seed: 1, count: 2 });
    expect(made).toEqual({ reason: expect.stringContaining('no finite numbers') });
  });
});

describeShared(
  'a MobileNet that somebody trained from -1 to 1',
  'models/tfjs-layers/teachable-machine-tiny-image',
  (path) => {
    test('gives samples in its range, ten times as near to its statistics as noise', async () => {
      const { model, close } = await openModel(path, 'model.json');
      try {
        const made = await synthesize({ graph: model.graph, steps: 40 });
        expect(made.trial!.taken).toBe('-1 to 1');
        expect(made.layers).toHaveLength(26);
        expect(made.lossAfter).toBeLessThan(0.1 * made.lossBefore);
      } finally {
        await close();
      }
    });
  },
);
