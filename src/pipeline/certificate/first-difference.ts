import type { Engine } from '../../engine/index.js';
import { type Graph, getSpec } from '../../graph/graph.js';
import { selectOutputs } from '../../graph/passes/select-outputs.js';
import type { Tensor } from '../../graph/tensor.js';
import { valuesDifference } from './difference.js';
import { runGraph } from './forward.js';
import { leastScaleOf } from './heads.js';
import type { Feeds } from './sample-feeds.js';

/** What one layer computes, in two graphs. */
export interface ComparedValue {
  readonly layer: string;
  readonly op: string;
  readonly tested: string;
  readonly reference: string;
  /** The part of the reference's value that the tested graph has; absent: all of it. */
  readonly part?: (value: Tensor) => Tensor;
}

interface Traced {
  readonly engine: Engine;
  readonly graph: Graph;
}

export interface LayerDifference {
  readonly layer: string;
  readonly op: string;
  readonly relative: number;
}

/** Values that are looked at in one run: inner ones are far larger than outputs. */
const MOST_VALUES = 2 ** 24;

/**
 * The first layer whose results differ by more than `limit`, in the order of `values`. Inner values are made outputs, some
 * at a time. An engine that fuses layers can hide its fault by that, since what is an output isn't fused away: then values
 * are looked at one by one, halving where the first one must be.
 */
export async function firstDifference(
  tested: Traced,
  reference: Traced,
  values: readonly ComparedValue[],
  feeds: Feeds,
  limit: number,
): Promise<LayerDifference | undefined> {
  const differing = async (some: readonly ComparedValue[]): Promise<LayerDifference | undefined> => {
    const found = await runValues(tested, some, 'tested', feeds);
    const wanted = await runValues(reference, some, 'reference', feeds);
    for (const { layer, op, tested: a, reference: b, part } of some) {
      const got = found.get(a)!;
      const want = part ? part(wanted.get(b)!) : wanted.get(b)!;
      if (String(got.shape) !== String(want.shape)) continue;
      const { relative } = valuesDifference(got, want, leastScaleOf(op));
      if (relative > limit) return { layer, op, relative };
    }
    return undefined;
  };
  for (const some of inParts(reference.graph, values, feeds)) {
    const found = await differing(some);
    if (found) return found;
  }
  let [low, high] = [0, values.length];
  let last: LayerDifference | undefined;
  while (low < high) {
    const middle = (low + high) >> 1;
    const found = await differing([values[middle]]);
    if (found) [high, last] = [middle, found];
    else low = middle + 1;
  }
  return last;
}

async function runValues(
  { engine, graph }: Traced,
  values: readonly ComparedValue[],
  side: 'tested' | 'reference',
  feeds: Feeds,
): Promise<Map<string, Tensor>> {
  const ids = [...new Set(values.map((value) => value[side]))];
  const outputs = ids.map((id) => ({ name: id, value: id }));
  const [results] = await runGraph(engine, selectOutputs({ ...graph, outputs }, ids), [feeds]);
  return results;
}

function* inParts(graph: Graph, values: readonly ComparedValue[], feeds: Feeds): Iterable<ComparedValue[]> {
  const batch = feeds.values().next().value?.shape[0] ?? 1;
  let part: ComparedValue[] = [];
  let size = 0;
  for (const value of values) {
    const { shape } = getSpec(graph, value.reference);
    const elements = shape.reduce<number>((n, d) => n * (typeof d === 'number' ? d : batch), 1);
    if (part.length > 0 && size + elements > MOST_VALUES) {
      yield part;
      part = [];
      size = 0;
    }
    part.push(value);
    size += elements;
  }
  if (part.length > 0) yield part;
}
