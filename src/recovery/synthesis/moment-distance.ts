import { createSynthesisStep } from '../../autodiff/index.js';
import type { Engine } from '../../engine/engine.js';
import type { Graph } from '../../graph/graph.js';
import { selectOutputs } from '../../graph/passes/select-outputs.js';
import { findObstacle } from './find-obstacle.js';
import type { SampleBlock } from './synthesis.js';

/**
 * How far samples are from those that a model was trained on, as its batch norms tell: the loss of synthesised samples
 * ({@link Synthesis}), a mean over the blocks. Large where samples are scaled otherwise, or none that the model is meant for.
 * @returns undefined where no samples could be synthesised
 * @throws the signal's reason, between two blocks; EspalierError NOT_TRAINABLE, as createSynthesisStep says
 */
export async function momentDistance(
  graph: Graph,
  engine: Engine,
  blocks: readonly SampleBlock[],
  signal?: AbortSignal,
): Promise<number | undefined> {
  if (findObstacle(graph) !== undefined) return undefined;
  const { graph: step, lossOutput } = createSynthesisStep(graph, { optimizer: NO_OPTIMIZER });
  const lossOnly = selectOutputs(step, [lossOutput]);
  const compiled = await engine.compile(lossOnly);
  let [sum, count] = [0, 0];
  try {
    for (const { feeds, samples } of blocks) {
      signal?.throwIfAborted();
      const results = await compiled.run(new Map(lossOnly.inputs.map((id) => [id, feeds.get(id)!])));
      sum += samples * Number(results.get(lossOutput)!.data[0]);
      count += samples;
    }
  } finally {
    await compiled.release();
  }
  return sum / count;
}

const NO_OPTIMIZER = { type: 'sgd', momentum: 0, weightDecay: 0 } as const;
