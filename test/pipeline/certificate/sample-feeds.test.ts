/** What networks are compared on. */
import { expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder.js';
import type { Dim } from '../../../src/graph/graph.js';
import { tensor } from '../../../src/graph/tensor.js';
import { sampleFeeds } from '../../../src/pipeline/certificate/index.js';
import type { JobData } from '../../../src/pipeline/feeding/job-data.js';

function net(batch: Dim = 'N') {
  const b = new GraphBuilder('net');
  b.output('y', b.op('Relu', [b.input('x', { dtype: 'float32', shape: [batch, 2] })]));
  return b.build();
}

/** Sample i is [i, i]. */
const data = (count: number) =>
  ({
    validation: {
      count,
      batch: async (indices: ArrayLike<number>) => ({
        x: tensor(
          'float32',
          [indices.length, 2],
          Array.from(indices).flatMap((i) => [i, i]),
        ),
      }),
    },
    scaling: 'none',
  }) as unknown as JobData;

const batches = (sets: Awaited<ReturnType<typeof sampleFeeds>>['usual']) => sets.map((set) => set.get('x')!.shape[0]);
const firsts = (sets: Awaited<ReturnType<typeof sampleFeeds>>['usual']) =>
  sets.map((set) => Array.from(set.get('x')!.data as Float32Array).filter((_, i) => i % 2 === 0));

test('made-up samples come in one set, and a quarter of them in each of two other ranges', async () => {
  const { usual, unusual } = await sampleFeeds(net(), undefined, { samples: 8, seed: 1 });
  expect(batches(usual)).toEqual([8]);
  expect(batches(unusual)).toEqual([2, 2]);
});

test('a file that takes so many at once gets sets of so many, which differ', async () => {
  const { usual, unusual } = await sampleFeeds(net(), undefined, { samples: 8, seed: 1, fixedBatch: 3 });
  expect(batches(usual)).toEqual([3, 3, 3]);
  expect(batches(unusual)).toEqual([3, 3]);
  expect(new Set(firsts(usual).flat()).size).toBe(9);
});

test('so does a graph that has but one batch', async () => {
  expect(batches((await sampleFeeds(net(2), undefined, { samples: 8, seed: 1 })).usual)).toEqual([2, 2, 2, 2]);
});

test('samples of data come from the start, and start anew where they run out', async () => {
  expect(firsts((await sampleFeeds(net(), data(100), { samples: 4, seed: 1 })).usual)).toEqual([[0, 1, 2, 3]]);
  expect(firsts((await sampleFeeds(net(), data(3), { samples: 8, seed: 1 })).usual)).toEqual([[0, 1, 2]]);
  const inTwos = await sampleFeeds(net(), data(3), { samples: 8, seed: 1, fixedBatch: 2 });
  expect(firsts(inTwos.usual)).toEqual([
    [0, 1],
    [2, 0],
  ]);
  expect(inTwos.unusual).toEqual([]);
});
