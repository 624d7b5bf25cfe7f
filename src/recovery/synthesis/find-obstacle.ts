import { hasRunningMoments } from '../../autodiff/index.js';
import { formatShape, isBound } from '../../graph/dims.js';
import { type Graph, getSpec } from '../../graph/graph.js';
import { inputRanges } from '../../graph/input-ranges.js';

/** Why no samples can be synthesised for a model, in a sentence; undefined where nothing is known to stand in the way. */
export function findObstacle(graph: Graph): string | undefined {
  if (!graph.nodes.some((node) => hasRunningMoments(graph, node))) {
    return 'the model has no batch norms that hold statistics of its training data (an export may have folded them into its convolutions)';
  }
  const ranges = inputRanges(graph);
  for (const id of graph.inputs) {
    const { dtype, shape } = getSpec(graph, id);
    if (dtype !== 'float32') return `the input ${id} is ${dtype}, and only float32 inputs can be optimised`;
    if (ranges.get(id)?.whole)
      return `the input ${id} holds whole numbers (indices or flags), which can't be optimised`;
    if (typeof shape[0] !== 'string' || !isBound(shape.slice(1))) {
      return `the input ${id} has shape ${formatShape(shape)}: the batch must be open, and nothing else`;
    }
  }
  return undefined;
}
