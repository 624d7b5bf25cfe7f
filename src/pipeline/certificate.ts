import type { Engine } from '../engine/engine.js';
import { EspalierError } from '../errors.js';
import { type Graph, getSpec, producers, type Shape } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { JobResult } from './contract.js';
import type { JobData } from './job-data.js';
import { randomInputs } from './latency.js';

export type Equivalence = NonNullable<JobResult['equivalence']>;

/** A job above this is failed, never delivered. */
export const CERTIFICATE_LIMIT = 1e-4;

/** Inputs are random unless there are data; at most this many values are fed at once. */
const SAMPLES = 8;
const MOST_VALUES = 2 ** 24;

/** What a job is about to deliver, read back from the bytes. */
export interface Delivery {
  readonly written: Graph;
  /** For files of quantized weights: the same model written by the same writer with weights that are not rounded. */
  readonly dequantized?: Graph;
}

/**
 * The certificate of a job: what was written and read back, against `masked`, the full graph with masks, on a few
 * validation samples (random ones without data). Outputs correspond by position. It is taken before quantized weights are
 * rounded again; how much the rounding changes is measured beside it.
 * @throws EspalierError CERTIFICATE_FAILED unless it holds
 */
export async function certify(
  engine: Engine,
  { written, dequantized }: Delivery,
  masked: Graph,
  data: JobData | undefined,
  seed: number,
): Promise<Equivalence> {
  const feeds = sampleFeeds(masked, data, seed);
  const equivalence = await compareForward(engine, dequantized ?? written, masked, feeds);
  if (!equivalence.ok) {
    throw new EspalierError(
      'CERTIFICATE_FAILED',
      `the written model differs from the masked one by ${equivalence.relative} of its largest output; ${CERTIFICATE_LIMIT} is allowed`,
    );
  }
  if (!dequantized) return equivalence;
  const rounding = await compareForward(engine, written, dequantized, feeds);
  return { ...equivalence, quantization_error: rounding.relative };
}

/**
 * Runs two graphs of the same inputs and outputs on the same feeds; the first dimension of each feed is the batch. What
 * goes into a closing softmax or sigmoid is compared too, since a saturated one hides differences.
 */
export async function compareForward(
  engine: Engine,
  written: Graph,
  masked: Graph,
  feeds: ReadonlyMap<string, Tensor>,
): Promise<Equivalence> {
  const [tested, reference] = [withLogits(written), withLogits(masked)];
  const a = await runOnce(engine, tested, feeds);
  const b = await runOnce(engine, reference, feeds);
  let maxAbsDiff = 0;
  let relative = 0;
  b.forEach((want, i) => {
    const got = a[i];
    if (!got || String(got.shape) !== String(want.shape)) {
      throw new EspalierError(
        'CERTIFICATE_FAILED',
        `output ${reference.outputs[i].name} has shape [${got?.shape}] in the written file, [${want.shape}] in the masked model`,
      );
    }
    const { diff, scale } = largestDifference(got, want);
    maxAbsDiff = Math.max(maxAbsDiff, diff);
    relative = Math.max(relative, scale > 0 ? diff / scale : diff);
  });
  const samples = feeds.values().next().value?.shape[0] ?? 0;
  return { max_abs_diff: maxAbsDiff, relative, samples, ok: relative <= CERTIFICATE_LIMIT };
}

const SATURATING = ['Softmax', 'Sigmoid', 'Tanh'];

function withLogits(graph: Graph): Graph {
  const makers = producers(graph);
  const logits = graph.outputs.flatMap(({ name, value }) => {
    const maker = makers.get(value);
    return maker && SATURATING.includes(maker.op)
      ? [{ name: `${name} before ${maker.op}`, value: maker.inputs[0] }]
      : [];
  });
  return { ...graph, outputs: [...graph.outputs, ...logits] };
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

function sampleFeeds(graph: Graph, data: JobData | undefined, seed: number): Map<string, Tensor> {
  const values = graph.inputs.map((id) => sampleSize(getSpec(graph, id).shape)).reduce((a, b) => a + b, 0);
  const most = Math.max(1, Math.min(SAMPLES, Math.floor(MOST_VALUES / values)));
  if (!data) return randomInputs(graph, most, seed);
  const indices = Array.from({ length: Math.min(most, data.validation.count) }, (_, i) => i);
  return new Map([[graph.inputs[0], data.validation.batch(indices, data.scaling).x]]);
}

function sampleSize(shape: Shape): number {
  return shape.slice(1).reduce<number>((n, d) => n * (typeof d === 'number' ? d : 1), 1);
}

/** The outputs, in the graph's order. */
async function runOnce(engine: Engine, graph: Graph, feeds: ReadonlyMap<string, Tensor>): Promise<Tensor[]> {
  const compiled = await engine.compile(graph);
  try {
    const results = await compiled.run(feeds);
    return graph.outputs.map(({ name }) => results.get(name)!);
  } finally {
    await compiled.release();
  }
}
