import type { Engine } from '../../src/engine/index.js';
import { type Constant, type Graph, getSpec, type Node, type TensorSpec } from '../../src/graph/graph.js';
import { scalar } from '../../src/graph/tensor.js';

/** An engine whose kernels get some nodes wrong: their results come out scaled. */
export function wrongEngine(engine: Engine, isWrong: (node: Node, graph: Graph) => boolean, scale = 1.01): Engine {
  return { ...engine, compile: (graph, options) => engine.compile(scaled(graph, isWrong, scale), options) };
}

/** The graph with a multiplication after each of the nodes. */
function scaled(graph: Graph, isWrong: (node: Node, graph: Graph) => boolean, scale: number): Graph {
  const values = new Map<string, TensorSpec>(graph.values);
  const constants = new Map<string, Constant>(graph.constants);
  const nodes = graph.nodes.flatMap((node): Node[] => {
    if (!isWrong(node, graph)) return [node];
    const [out, ...others] = node.outputs;
    const [right, factor] = [`${out}/right`, `${out}/factor`];
    values.set(right, getSpec(graph, out));
    values.set(factor, { dtype: 'float32', shape: [] });
    constants.set(factor, { tensor: scalar('float32', scale), role: 'literal' });
    return [
      { ...node, outputs: [right, ...others] },
      { name: `${node.name}/wrong`, op: 'Mul', attrs: {}, inputs: [right, factor], outputs: [out] },
    ];
  });
  return { ...graph, nodes, values, constants };
}
