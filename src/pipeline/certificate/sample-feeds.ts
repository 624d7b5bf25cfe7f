import { type Graph, getSpec, type Shape } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import type { JobData } from '../feeding/job-data.js';
import { randomInputs } from '../feeding/random-inputs.js';

export type Feeds = ReadonlyMap<string, Tensor>;

/** What networks are compared on. `unusual`: far from what the model was made for, perhaps; only logits count there. */
export interface SampleFeeds {
  readonly usual: readonly Feeds[];
  readonly unusual: readonly Feeds[];
}

/** Inputs are made up unless there are data; at most this many values are fed at once. */
export const SAMPLES = { settling: 4, certifying: 8 } as const;
const MOST_VALUES = 2 ** 24;

/** Without data nobody knows what the model expects: besides samples of 0…1, a few of the other usual ranges. */
const OTHER_RANGES: readonly (readonly [number, number])[] = [
  [-1, 1],
  [0, 255],
];

/**
 * A few validation samples, or made-up ones. The graph, the data and the seed settle them.
 * @param options.samples how many at most, of the usual ones
 * @param options.fixedBatch how many are fed at once where the model's file takes no other number
 */
export async function sampleFeeds(
  graph: Graph,
  data: JobData | undefined,
  { samples, seed, fixedBatch }: { samples: number; seed: number; fixedBatch?: number | undefined },
): Promise<SampleFeeds> {
  const values = graph.inputs.map((id) => sampleSize(getSpec(graph, id).shape)).reduce((a, b) => a + b, 0);
  const most = Math.max(1, Math.min(samples, Math.floor(MOST_VALUES / values)));
  const batch = fixedBatch ?? batchOf(graph);
  if (data) {
    const count = Math.min(most, data.validation.count);
    const sets = split(count, batch).map((size, set) =>
      // The last set starts anew where samples run out.
      Array.from({ length: size }, (_, i) => (set * size + i) % data.validation.count),
    );
    const usual: Feeds[] = [];
    for (const indices of sets) {
      const { x } = await data.validation.batch(indices, data.scaling);
      usual.push(new Map([[graph.inputs[0], x]]));
    }
    return { usual, unusual: [] };
  }
  // Sets of one range have seeds of their own, far from those of the next.
  const drawn = (count: number, from: number, range?: readonly [number, number]): Feeds[] =>
    split(count, batch).map((size, set) => randomInputs(graph, size, from + 1000 * set, range));
  return {
    usual: drawn(most, seed),
    unusual: OTHER_RANGES.flatMap((range, i) => drawn(Math.ceil(most / 4), seed + 1 + i, range)),
  };
}

/** Sizes of the sets that so many samples make. */
function split(count: number, batch: number | undefined): number[] {
  return batch === undefined ? [count] : Array.from({ length: Math.ceil(count / batch) }, () => batch);
}

/** The batch of a graph that has but one. */
function batchOf(graph: Graph): number | undefined {
  const first = graph.inputs.length > 0 ? getSpec(graph, graph.inputs[0]).shape[0] : undefined;
  return typeof first === 'number' ? first : undefined;
}

function sampleSize(shape: Shape): number {
  return shape.slice(1).reduce<number>((n, d) => n * (typeof d === 'number' ? d : 1), 1);
}
