import { createEvaluationStep, type HeadsOptions, type MetricKind } from '../../autodiff/index.js';
import type { Scaling, Split } from '../../data/index.js';
import type { Engine } from '../../engine/engine.js';
import type { Graph } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import { batchSizeFor } from '../measuring/batch-size.js';
import type { OutputReader } from '../measuring/read-outputs.js';
import type { Teacher } from './teacher.js';

/** How well one output does. All but `mean_absolute_error` are shares, better when higher. */
export interface HeadScore {
  readonly output: string;
  readonly metric: MetricKind;
  readonly value: number;
}

export interface Evaluation {
  /** The mean of the outputs' accuracies (of samples, pixels or sides), in [0, 1]; null where none is a classification. */
  readonly accuracy: number | null;
  /** Mean loss: weighted over the outputs, without what training adds to it. */
  readonly loss: number;
  readonly metrics: readonly HeadScore[];
}

/** A graph and what it is scored by; `teacher` where heads have no labels. */
export interface Scored {
  readonly engine: Engine;
  readonly graph: Graph;
  readonly heads: HeadsOptions;
  readonly teacher?: Teacher | undefined;
}

const ACCURACIES: ReadonlySet<MetricKind> = new Set(['accuracy', 'pixel_accuracy', 'binary_accuracy']);

export interface EvaluationOptions {
  readonly signal?: AbortSignal | undefined;
  /** Looks at what the graph gives while it is scored. */
  readonly reader?: OutputReader | undefined;
}

/**
 * Metrics and loss of a graph over a split, once for each scaling of the inputs.
 * @param options.limit look at the first `limit` samples only
 * @throws EspalierError NOT_TRAINABLE when an output has not the shape that its loss needs; the signal's reason
 */
export async function evaluateScalings(
  { engine, graph, heads, teacher }: Scored,
  split: Split,
  scalings: readonly Scaling[],
  options: EvaluationOptions & { readonly limit?: number } = {},
): Promise<Evaluation[]> {
  const { reader, signal } = options;
  const asked = reader?.ask(graph) ?? { graph, outputs: [] };
  const step = createEvaluationStep(asked.graph, heads, asked.outputs);
  const compiled = await engine.compile(step.graph);
  const samples = Math.min(split.count, options.limit ?? split.count);
  const batchSize = batchSizeFor(graph);
  try {
    const evaluations: Evaluation[] = [];
    for (const scaling of scalings) {
      let loss = 0;
      const scores = step.heads.map(() => 0);
      for (let start = 0; start < samples; start += batchSize) {
        signal?.throwIfAborted();
        const size = Math.min(batchSize, samples - start);
        const indices = Array.from({ length: size }, (_, i) => start + i);
        const { x, labels } = await split.batch(indices, scaling);
        const taught = step.heads.some((head) => head.teacher) ? await teacher?.outputs(x) : undefined;
        const feeds = new Map<string, Tensor>([[step.inputs[0], x]]);
        for (const head of step.heads) {
          if (head.labels) feeds.set(head.labels, labels.get(head.output)!);
          if (head.teacher) feeds.set(head.teacher, taught!.get(head.output)!);
        }
        const results = await compiled.run(feeds);
        loss += Number(results.get(step.lossSumOutput)!.data[0]);
        step.heads.forEach(({ scoreOutput }, i) => {
          scores[i] += Number(results.get(scoreOutput)!.data[0]);
        });
        const carried = new Map(step.carried.map(({ name, output }) => [name, results.get(output)!]));
        reader?.read({ start, count: size, size }, carried);
      }
      const metrics = step.heads.map(({ output, metric }, i) => ({ output, metric, value: scores[i] / samples }));
      evaluations.push({ accuracy: meanAccuracy(metrics), loss: loss / samples, metrics });
    }
    return evaluations;
  } finally {
    await compiled.release();
  }
}

export function meanAccuracy(metrics: readonly HeadScore[]): number | null {
  const accuracies = metrics.filter(({ metric }) => ACCURACIES.has(metric));
  if (accuracies.length === 0) return null;
  return accuracies.reduce((sum, { value }) => sum + value, 0) / accuracies.length;
}

/** Metrics and loss of a graph over a split. */
export async function evaluateSplit(
  scored: Scored,
  split: Split,
  scaling: Scaling,
  options: EvaluationOptions = {},
): Promise<Evaluation> {
  return (await evaluateScalings(scored, split, [scaling], options))[0];
}
