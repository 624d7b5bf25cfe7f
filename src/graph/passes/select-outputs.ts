import { EspalierError } from '../../errors.js';
import type { Graph } from '../graph.js';

/**
 * Keeps the named outputs, in the given order, and what they are computed from: nodes, constants and inputs that
 * nothing kept reads are gone. Node names and value ids stay.
 * @throws EspalierError OUTPUT_UNKNOWN for a name that is no output, listing those there are.
 */
export function selectOutputs(graph: Graph, names: readonly string[]): Graph {
  const outputs = [...new Set(names)].map((name) => {
    const output = graph.outputs.find((o) => o.name === name);
    if (!output) {
      const known = graph.outputs.map((o) => o.name).join(', ');
      throw new EspalierError('OUTPUT_UNKNOWN', `the model has no output ${name}; its outputs are ${known}`);
    }
    return output;
  });
  if (outputs.length === 0) throw new EspalierError('OUTPUT_UNKNOWN', 'at least one output must be selected');

  const live = new Set(outputs.map((o) => o.value));
  const nodes = graph.nodes
    .toReversed()
    .filter((node) => {
      if (!node.outputs.some((id) => live.has(id))) return false;
      for (const id of node.inputs) live.add(id);
      for (const id of node.outputs) live.add(id);
      return true;
    })
    .reverse();
  return {
    ...graph,
    outputs,
    nodes,
    inputs: graph.inputs.filter((id) => live.has(id)),
    constants: new Map([...graph.constants].filter(([id]) => live.has(id))),
    values: new Map([...graph.values].filter(([id]) => live.has(id))),
  };
}
