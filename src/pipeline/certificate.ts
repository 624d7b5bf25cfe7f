import type { Engine } from '../engine/engine.js';
import { EspalierError } from '../errors.js';
import { type Graph, getSpec, type Shape } from '../graph/graph.js';
import { compareForward, type Feeds } from './compare-forward.js';
import type { JobResult } from './contract.js';
import type { JobData } from './job-data.js';
import { randomInputs } from './random-inputs.js';

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
  const { usual, unusual } = sampleFeeds(masked, data, seed);
  const tested = dequantized ?? written;
  const here = await compareForward(engine, tested, masked, usual);
  const there = await compareForward(engine, tested, masked, unusual, 'instead');
  const relative = Math.max(here.relative, there.relative);
  const equivalence = {
    max_abs_diff: Math.max(here.max_abs_diff, there.max_abs_diff),
    relative,
    samples: here.samples + there.samples,
    ok: relative <= CERTIFICATE_LIMIT,
  };
  if (!equivalence.ok) {
    throw new EspalierError(
      'CERTIFICATE_FAILED',
      `the written model differs from the masked one by ${equivalence.relative} of its largest output; ${CERTIFICATE_LIMIT} is allowed`,
    );
  }
  if (!dequantized) return equivalence;
  const rounding = await compareForward(engine, written, dequantized, usual);
  return { ...equivalence, quantization_error: rounding.relative };
}

/** Without data nobody knows what the model expects: besides samples of 0…1, a few of the other usual ranges. */
const OTHER_RANGES: readonly (readonly [number, number])[] = [
  [-1, 1],
  [0, 255],
];

function sampleFeeds(graph: Graph, data: JobData | undefined, seed: number): Record<'usual' | 'unusual', Feeds[]> {
  const values = graph.inputs.map((id) => sampleSize(getSpec(graph, id).shape)).reduce((a, b) => a + b, 0);
  const most = Math.max(1, Math.min(SAMPLES, Math.floor(MOST_VALUES / values)));
  if (data) {
    const indices = Array.from({ length: Math.min(most, data.validation.count) }, (_, i) => i);
    return { usual: [new Map([[graph.inputs[0], data.validation.batch(indices, data.scaling).x]])], unusual: [] };
  }
  return {
    usual: [randomInputs(graph, most, seed)],
    unusual: OTHER_RANGES.map((range, i) => randomInputs(graph, Math.ceil(most / 4), seed + 1 + i, range)),
  };
}

function sampleSize(shape: Shape): number {
  return shape.slice(1).reduce<number>((n, d) => n * (typeof d === 'number' ? d : 1), 1);
}
