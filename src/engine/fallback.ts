import type { Graph, Node } from '../graph/graph.js';
import type { Engine } from './engine.js';

/**
 * An engine that leaves graphs that it can't run to another, which is opened only then. It has the first one's name; what the
 * other computes, `notice` gets a line about.
 * @param findUnsupported the first node of a graph that the engine lacks, and why.
 */
export function withFallback(
  engine: Engine,
  findUnsupported: (graph: Graph) => { readonly node: Node; readonly reason: string } | undefined,
  openOther: () => Promise<Engine>,
  notice: (line: string) => void,
): Engine {
  let other: Promise<Engine> | undefined;
  const delegate: Engine['delegate'] = async (graph) => {
    const fault = findUnsupported(graph);
    if (!fault) return undefined;
    other ??= openOther();
    const { node, reason } = fault;
    return { engine: await other, reason: `${node.op} ${node.layer ?? node.name}: ${reason}` };
  };
  return {
    name: engine.name,
    device: engine.device,
    threads: engine.threads,
    delegate,
    async compile(graph, options) {
      const delegated = await delegate(graph);
      if (!delegated) return engine.compile(graph, options);
      notice(`${graph.name} is computed by ${delegated.engine.name}: ${delegated.reason}`);
      return delegated.engine.compile(graph, options);
    },
  };
}
