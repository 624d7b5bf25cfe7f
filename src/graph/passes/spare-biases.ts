import { type Constant, type Graph, type Node, producers } from '../graph.js';

/** What a file is to be: without the spare biases that nothing was put into. */
export function withoutUnusedSpares(graph: Graph): Graph {
  const isZero = ({ tensor }: Constant): boolean => (tensor.data as Float32Array).every((value) => value === 0);
  return withoutSpares(graph, (_, constant) => constant.role === 'spare' && isZero(constant));
}

/**
 * Takes spare biases out: those of layers that add their bias themselves, and those that stand in an `Add` behind their layer, which
 * then makes the sum's value. Without any, the graph computes what the file does.
 * @param goes of which; of all by default
 */
export function withoutSpares(
  graph: Graph,
  goes: (id: string, constant: Constant) => boolean = (_, { role }) => role === 'spare',
): Graph {
  const gone = new Set([...graph.constants].flatMap(([id, constant]) => (goes(id, constant) ? [id] : [])));
  if (gone.size === 0) return graph;
  const values = new Map(graph.values);
  const constants = new Map(graph.constants);
  for (const id of gone) {
    values.delete(id);
    constants.delete(id);
  }
  const sums = new Set(graph.nodes.filter(({ op, inputs }) => op === 'Add' && gone.has(inputs[1])));
  const sumOf = new Map([...sums].map(({ inputs, outputs }) => [inputs[0], outputs[0]]));
  for (const id of sumOf.keys()) values.delete(id);
  const nodes = graph.nodes.flatMap((node): Node[] => {
    if (sums.has(node)) return [];
    const { inputs, outputs } = node;
    const own = inputs.some((id) => gone.has(id)) ? inputs.filter((id) => !gone.has(id)) : inputs;
    const made = outputs.some((id) => sumOf.has(id)) ? outputs.map((id) => sumOf.get(id) ?? id) : outputs;
    return own === inputs && made === outputs ? [node] : [{ ...node, inputs: own, outputs: made }];
  });
  return { ...graph, nodes, values, constants };
}

/** By spare bias, the layers that it is for: nodes that add it, or whose results it is added to. */
export function spareReaders(graph: Graph): Map<string, Node[]> {
  const makers = producers(graph);
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const id of node.inputs) {
      if (graph.constants.get(id)?.role !== 'spare') continue;
      const layer = node.op === 'Add' ? makers.get(node.inputs[0])! : node;
      readers.set(id, [...(readers.get(id) ?? []), layer]);
    }
  }
  return readers;
}
