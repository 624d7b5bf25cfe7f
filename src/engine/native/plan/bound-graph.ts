import type { Constant, Graph, GraphOutput, Node } from '../../../graph/graph.js';
import { bindShapes } from '../../../graph/passes/reinfer.js';
import type { DType } from '../../../graph/tensor.js';

export interface BoundSpec {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** A graph whose every extent is known. Its nodes may carry attributes and operands of this engine's fusions. */
export interface BoundGraph {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly GraphOutput[];
  readonly nodes: readonly Node[];
  readonly values: ReadonlyMap<string, BoundSpec>;
  readonly constants: ReadonlyMap<string, Constant>;
  /** The nodes that read each value. */
  readonly readers: ReadonlyMap<string, readonly Node[]>;
}

/** @param shapes of every input. */
export function bindGraph(graph: Graph, shapes: Readonly<Record<string, readonly number[]>>): BoundGraph {
  const bound = bindShapes(graph, shapes);
  for (const [id, { shape }] of bound.values) {
    if (shape.some((dim) => typeof dim !== 'number')) {
      throw new Error(`value ${id} of graph ${graph.name} has shape [${shape}] once its inputs are known`);
    }
  }
  return withNodes({ ...bound, values: bound.values as ReadonlyMap<string, BoundSpec> }, bound.nodes);
}

/** The graph with other nodes, and values that a fusion added. */
export function withNodes(
  graph: Omit<BoundGraph, 'readers'>,
  nodes: readonly Node[],
  added: ReadonlyMap<string, BoundSpec> = new Map(),
): BoundGraph {
  const readers = new Map<string, Node[]>();
  for (const node of nodes) {
    for (const id of new Set(node.inputs)) {
      const known = readers.get(id);
      if (known) known.push(node);
      else readers.set(id, [node]);
    }
  }
  return { ...graph, nodes, readers, values: added.size > 0 ? new Map([...graph.values, ...added]) : graph.values };
}
