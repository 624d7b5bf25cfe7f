/** What networks are measured on, and by what. */
import { describe, expect, test } from 'vitest';
import { arraySplit } from '../../../src/data/array-split.js';
import { type Engine, openEngine } from '../../../src/engine/index.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import type { Dim, Graph } from '../../../src/graph/graph.js';
import { tensor } from '../../../src/graph/tensor.js';
import type { JobData } from '../../../src/pipeline/feeding/job-data.js';
import { batchSizeFor } from '../../../src/pipeline/measuring/batch-size.js';
import { choicesOf } from '../../../src/pipeline/measuring/choices.js';
import { OriginalChoices } from '../../../src/pipeline/measuring/original-choices.js';
import { readOutputs } from '../../../src/pipeline/measuring/read-outputs.js';
import { agreementSamples, openScorer, Scorer } from '../../../src/pipeline/measuring/scorer.js';
import { resolveConfig } from '../../../src/prune-config/index.js';
import { CPU_ENGINE } from '../../engine/cpu-engine.js';
import { engineOn } from '../../engine/tensorflow/backends.js';
import { seededRandom } from '../../support/seeded-random.js';

const CONFIG = resolveConfig({}, { hasDataset: true });

/** Scores of five classes, by a matrix of a seed. */
function scores(seed: number, batch: Dim = 'N'): Graph {
  const b = new GraphBuilder('scores');
  const x = b.input('x', { dtype: 'float32', shape: [batch, 4] });
  b.output('y', b.op('MatMul', [x, b.constant('w', tensor('float32', [4, 5], noise(20, seed)), 'parameter')]));
  return b.build();
}

function noise(count: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, () => random() - 0.5);
}

function dataOf(count: number, change: Partial<JobData> = {}): JobData {
  const x = { name: 'x', dtype: 'float32', kind: 'float', shape: [count, 4], data: noise(4 * count, 9) } as const;
  const split = arraySplit(x, new Map());
  const parts = { train: split, validation: split, test: split };
  return { ...parts, scaling: 'none', scored: false, heads: [], close: async () => {}, ...change };
}

const open = (engine: 'native' | 'onnxruntime' = CPU_ENGINE) => openEngine({ engine, threads: 1, notice: () => {} });

test('without data nothing is measured', async () => {
  const { scorer, score } = await openScorer(await open(), scores(1), undefined, CONFIG);
  expect(scorer.samples).toBe(0);
  expect(score).toEqual({ accuracy: null, loss: null, agreement: null, samples: 0, interval: null });
  expect(await scorer.score(scores(2))).toEqual(score);
});

test('a graph of one batch size is fed so many, and gives what one of open batch does', async () => {
  const engine = await open();
  const found: unknown[] = [];
  for (const batch of ['N', 1, 3, 64]) {
    const { scorer, score } = await openScorer(engine, scores(1, batch), dataOf(40), CONFIG);
    expect(score).toMatchObject({ agreement: 1, samples: 40 });
    found.push(await scorer.score(scores(2, batch)));
  }
  expect(found).toEqual(Array(4).fill(found[0]));
  expect(found[0]).toMatchObject({ samples: 40, accuracy: null });
  expect((found[0] as { agreement: number }).agreement).toBeLessThan(0.9);
});

test.each([
  [50, { macs: 10, values: 1 }, 50],
  [5000, { macs: 10, values: 1 }, 1000],
  [5000, { macs: 1e9, values: 1 }, 1000],
  [5000, { macs: 4e9, values: 1 }, 250],
  [5000, { macs: 1e12, values: 1 }, 100],
  [70, { macs: 1e12, values: 1 }, 70],
  [5000, { macs: 10, values: 2 ** 16 }, 256],
  [5000, { macs: 10, values: 2 ** 30 }, 1],
])('of %i samples, agreement of a network of %j is measured on %i', (count, cost, samples) => {
  expect(agreementSamples(count, cost)).toBe(samples);
});

test('what is drawn is of the seed, and not the first ones', async () => {
  const engine = await open();
  const samplesOf = async (seed: number) => {
    const seen: number[] = [];
    const data = dataOf(1200);
    const watched = {
      ...data.test,
      batch: (indices: ArrayLike<number>, scaling: 'none') => {
        seen.push(...Array.from(indices));
        return data.test.batch(indices, scaling);
      },
    } as JobData['test'];
    await openScorer(engine, scores(1), { ...data, test: watched }, { ...CONFIG, seed });
    return seen;
  };
  const [first, again, other] = [await samplesOf(1), await samplesOf(1), await samplesOf(2)];
  expect(again).toEqual(first);
  expect(other).not.toEqual(first);
  expect(new Set(first).size).toBe(1000);
  expect(Math.max(...first)).toBeGreaterThan(1100);
});

test('measuring ends when the signal says so', async () => {
  const { scorer } = await openScorer(await open(), scores(1), dataOf(40), CONFIG);
  const reason = new Error('stop');
  await expect(scorer.score(scores(2), AbortSignal.abort(reason))).rejects.toBe(reason);
});

test('without an original, heads are scored and agreement is null', async () => {
  const heads = [{ output: 'y', loss: 'cross_entropy', labels: 'index' }] as const;
  const plain = dataOf(40);
  const labels = new Map([['y', tensor('int32', [40], new Int32Array(40))]]);
  const labelled = {
    ...plain.test,
    batch: async () => ({ ...(await plain.test.batch([...Array(40).keys()], 'none')), labels }),
  };
  const scorer = new Scorer(await open(), dataOf(40, { scored: true, heads, test: labelled }));
  const score = await scorer.evaluate(scores(1));
  expect(score).toMatchObject({ agreement: null, samples: 40, accuracy: expect.any(Number) });
  expect(score.interval![0]).toBeLessThan(score.accuracy!);
});

describe('a batch', () => {
  const image = (extent: number) => {
    const b = new GraphBuilder('image');
    b.output('y', b.op('Relu', [b.input('x', { dtype: 'float32', shape: ['N', 3, extent, extent] })]));
    return b.build();
  };

  test.each([
    [32, 128],
    [224, 128],
    [1024, 10],
    [8192, 1],
  ])('of %i pixels in height and width has %i samples', (extent, size) => {
    expect(batchSizeFor(image(extent))).toBe(size);
  });
});

describe('engines find the same choices', () => {
  /** Classes along either end, and sides. */
  const net = (): Graph => {
    const b = new GraphBuilder('choices');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 5, 4, 3] });
    b.output('places', b.op('Softmax', [x], { axis: 1 }));
    b.output('last', b.op('Softmax', [b.op('Transpose', [x], { perm: [0, 2, 3, 1] })], { axis: 3 }));
    b.output('sides', b.op('Sigmoid', [x]));
    return b.build();
  };
  const x = { name: 'x', dtype: 'float32', kind: 'float', shape: [9, 5, 4, 3], data: noise(540, 3) } as const;
  const split = arraySplit(x, new Map());

  const keptBy = async (engine: Engine) => {
    const choices = new OriginalChoices(choicesOf(net(), [], undefined), split.count);
    await readOutputs({ engine, graph: net() }, { split, scaling: 'none' }, choices);
    return choices.kept.map(({ choice, perSample, values }) => [choice, perSample, Array.from(values)]);
  };

  test.each<[string, () => Promise<Engine>]>([
    ['onnxruntime', () => open('onnxruntime')],
    ['the CPU’s', () => open()],
    ['tensorflow', () => engineOn('cpu')],
  ])('%s', async (_, opened) => {
    const kept = await keptBy(await opened());
    expect(kept.map(([choice, perSample]) => [(choice as { kind: string }).kind, perSample])).toEqual([
      ['class', 12],
      ['class', 12],
      ['side', 60],
    ]);
    // The largest of the five, place by place.
    const largest = Array.from({ length: 9 * 12 }, (_, i) => {
      const at = (c: number) => x.data[Math.floor(i / 12) * 60 + c * 12 + (i % 12)];
      return [0, 1, 2, 3, 4].reduce((best, c) => (at(c) > at(best) ? c : best), 0);
    });
    expect(kept[0][2]).toEqual(largest);
    expect(kept[1][2]).toEqual(largest);
    expect(kept[2][2]).toEqual(Array.from(x.data, (v) => (v > 0 ? 1 : 0)));
  });
});
