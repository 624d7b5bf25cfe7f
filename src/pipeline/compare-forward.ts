import type { Engine } from '../engine/engine.js';
import { EspalierError } from '../errors.js';
import { type Graph, producers } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';

export type Feeds = ReadonlyMap<string, Tensor>;

export interface Difference {
  readonly max_abs_diff: number;
  /** `max|a−b| / max|b|` of one output on one set of feeds; the worst of them. */
  readonly relative: number;
  /** How many samples all sets have. */
  readonly samples: number;
}

/**
 * Runs two graphs of the same inputs and outputs on the same sets of feeds; the first dimension of each feed is the batch.
 * What goes into a closing softmax or sigmoid is compared too, since a saturated one hides differences; or, on inputs far
 * from those that the model was made for, instead, since its outputs there are as wrong as rounding is large.
 * @throws EspalierError CERTIFICATE_FAILED for outputs of different shapes; MODEL_INVALID when the masked ones are not finite
 */
export async function compareForward(
  engine: Engine,
  written: Graph,
  masked: Graph,
  feeds: readonly Feeds[],
  logits: 'too' | 'instead' = 'too',
): Promise<Difference> {
  if (feeds.length === 0) return { max_abs_diff: 0, relative: 0, samples: 0 };
  const [tested, reference] = [openHeads(written, logits), openHeads(masked, logits)];
  const a = await runAll(engine, tested, feeds);
  const b = await runAll(engine, reference, feeds);
  let maxAbsDiff = 0;
  let relative = 0;
  b.forEach((outputs, set) => {
    outputs.forEach((want, i) => {
      const got = a[set][i];
      if (!got || String(got.shape) !== String(want.shape)) {
        throw new EspalierError(
          'CERTIFICATE_FAILED',
          `output ${reference.outputs[i].name} has shape [${got?.shape}] in the written file, [${want.shape}] in the masked model`,
        );
      }
      if (!Array.prototype.every.call(want.data, Number.isFinite)) {
        throw new EspalierError(
          'MODEL_INVALID',
          `output ${reference.outputs[i].name} is NaN or infinite on sample inputs, so nothing can be shown about it`,
        );
      }
      const { diff, scale } = largestDifference(got, want);
      maxAbsDiff = Math.max(maxAbsDiff, diff);
      relative = Math.max(relative, scale > 0 ? diff / scale : diff);
    });
  });
  const samples = feeds.reduce((n, set) => n + (set.values().next().value?.shape[0] ?? 0), 0);
  return { max_abs_diff: maxAbsDiff, relative, samples };
}

const SATURATING = ['Softmax', 'Sigmoid', 'Tanh'];

function openHeads(graph: Graph, logits: 'too' | 'instead'): Graph {
  const makers = producers(graph);
  const outputs = graph.outputs.flatMap((output) => {
    const maker = makers.get(output.value);
    if (!maker || !SATURATING.includes(maker.op)) return [output];
    const before = { name: `${output.name} before ${maker.op}`, value: maker.inputs[0] };
    return logits === 'too' ? [output, before] : [before];
  });
  return { ...graph, outputs };
}

/** `max|a−b|` and `max|b|`; a NaN anywhere is an infinite difference. */
function largestDifference(a: Tensor, b: Tensor): { diff: number; scale: number } {
  let diff = 0;
  let scale = 0;
  for (let i = 0; i < b.data.length; i++) {
    const d = Math.abs(Number(a.data[i]) - Number(b.data[i]));
    if (Number.isNaN(d)) return { diff: Number.POSITIVE_INFINITY, scale: 1 };
    diff = Math.max(diff, d);
    scale = Math.max(scale, Math.abs(Number(b.data[i])));
  }
  return { diff, scale };
}

/** For each set of feeds the outputs, in the graph's order. */
async function runAll(engine: Engine, graph: Graph, feeds: readonly Feeds[]): Promise<Tensor[][]> {
  const compiled = await engine.compile(graph);
  try {
    const all: Tensor[][] = [];
    for (const set of feeds) {
      const results = await compiled.run(set);
      all.push(graph.outputs.map(({ name }) => results.get(name)!));
    }
    return all;
  } finally {
    await compiled.release();
  }
}
