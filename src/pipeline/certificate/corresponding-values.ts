import { type Graph, getSpec, type Node } from '../../graph/graph.js';
import { gatherAxis, type Tensor } from '../../graph/tensor.js';
import type { ComparedValue } from './first-difference.js';

/** The kept indices of an axis of a value of the full graph; undefined when all are. */
export type KeptIndices = (value: string, axis: number) => Int32Array | undefined;

/** Every result of one graph against itself: for two engines. */
export function ownValues(graph: Graph): ComparedValue[] {
  return compared(graph.nodes, graph, (node) => node);
}

/**
 * The results of a pruned graph's layers, in order, with those of the full graph. Nodes correspond by name, or by layer, op
 * and place in the layer where a writer renamed one; what has no partner is left out.
 */
export function correspondingValues(pruned: Graph, full: Graph, kept: KeptIndices): ComparedValue[] {
  const byName = new Map(pruned.nodes.map((node) => [`${node.name}\n${node.op}`, node]));
  const places = new Map(withPlaces(pruned.nodes));
  const placeOf = new Map(withPlaces(full.nodes).map(([place, node]) => [node, place]));
  return compared(
    full.nodes,
    pruned,
    (node) => byName.get(`${node.name}\n${node.op}`) ?? places.get(placeOf.get(node)!),
  ).map((value) => ({ ...value, part: partOf(getSpec(full, value.reference).shape.length, value.reference, kept) }));
}

function compared(nodes: readonly Node[], tested: Graph, partner: (node: Node) => Node | undefined): ComparedValue[] {
  return nodes.flatMap((node) => {
    const other = partner(node);
    if (!other) return [];
    return node.outputs.flatMap((reference, i) => {
      const id = other.outputs[i];
      if (!id || tested.values.get(id)?.dtype !== 'float32') return [];
      return [{ layer: node.layer ?? node.name, op: node.op, tested: id, reference }];
    });
  });
}

function withPlaces(nodes: readonly Node[]): [string, Node][] {
  const counts = new Map<string, number>();
  return nodes.map((node) => {
    const key = `${node.layer ?? ''}\n${node.op}`;
    const place = counts.get(key) ?? 0;
    counts.set(key, place + 1);
    return [`${key}\n${place}`, node];
  });
}

function partOf(rank: number, value: string, kept: KeptIndices): (tensor: Tensor) => Tensor {
  return (tensor) => {
    let part = tensor;
    for (let axis = 0; axis < rank; axis++) {
      const indices = kept(value, axis);
      if (indices) part = gatherAxis(part, axis, indices);
    }
    return part;
  };
}
