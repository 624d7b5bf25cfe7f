import { createEvaluationStep } from '../autodiff/index.js';
import type { Scaling, Split } from '../data/index.js';
import type { Engine } from '../engine/engine.js';
import type { Graph } from '../graph/graph.js';

export interface Evaluation {
  /** Share of samples whose largest logit is the label's, in [0, 1]. */
  readonly accuracy: number;
  /** Mean cross-entropy. */
  readonly loss: number;
}

const BATCH_SIZE = 128;

/**
 * Accuracy and loss of a graph over a labelled split, once for each scaling of the inputs.
 * @param options.limit look at the first `limit` samples only
 * @throws EspalierError NOT_TRAINABLE when the graph's output is no classification; the signal's reason
 */
export async function evaluateScalings(
  engine: Engine,
  graph: Graph,
  split: Split,
  scalings: readonly Scaling[],
  options: { signal?: AbortSignal; limit?: number } = {},
): Promise<Evaluation[]> {
  const { kind } = split.labels;
  if (kind === 'none') throw new Error('an evaluation needs labels');
  const step = createEvaluationStep(graph, { loss: 'cross_entropy', labels: kind });
  const compiled = await engine.compile(step.graph);
  const samples = Math.min(split.count, options.limit ?? split.count);
  try {
    const evaluations: Evaluation[] = [];
    for (const scaling of scalings) {
      let loss = 0;
      let correct = 0;
      for (let start = 0; start < samples; start += BATCH_SIZE) {
        options.signal?.throwIfAborted();
        const indices = Array.from({ length: Math.min(BATCH_SIZE, samples - start) }, (_, i) => start + i);
        const { x, y } = split.batch(indices, scaling);
        const feeds = new Map([
          [step.inputs[0], x],
          [step.labels, y!],
        ]);
        const results = await compiled.run(feeds);
        loss += Number(results.get(step.lossSumOutput)!.data[0]);
        correct += Number(results.get(step.correctOutput)!.data[0]);
      }
      evaluations.push({ accuracy: correct / samples, loss: loss / samples });
    }
    return evaluations;
  } finally {
    await compiled.release();
  }
}

/** Accuracy and loss of a graph over a labelled split. */
export async function evaluateSplit(
  engine: Engine,
  graph: Graph,
  split: Split,
  scaling: Scaling,
  signal?: AbortSignal,
): Promise<Evaluation> {
  return (await evaluateScalings(engine, graph, split, [scaling], { signal }))[0];
}
