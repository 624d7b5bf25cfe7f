import type { Graph, Node } from '../graph/graph.js';

/** Something that is settled at a node of the pruned network, and what has to be known before. */
export interface Place {
  readonly node: Node;
  /** Values of the pruned network that have to be what they will be, beside the node's inputs. */
  readonly after: readonly string[];
}

export interface Levels {
  /** 1 for a place that depends on no other, else one more than those that it depends on. */
  readonly of: readonly number[];
  /** The level of the last place that a value depends on; 0 for none, and for constants. */
  value(id: string): number;
}

/**
 * In which order places are settled: each after all that it depends on. Places of one level don't depend on each other.
 * @throws Error for places that wait for each other
 */
export function levelsOf(graph: Graph, places: readonly Place[]): Levels {
  const placesAt = new Map<string, number[]>();
  places.forEach(({ node }, i) => {
    placesAt.set(node.name, [...(placesAt.get(node.name) ?? []), i]);
  });
  const of = places.map(() => 0);
  const values = new Map<string, number>();
  const value = (id: string): number => values.get(id) ?? 0;
  // What a place waits for may stand behind it in the graph: each round settles at least one more level.
  for (let round = 0, changed = true; changed; round++) {
    if (round > places.length + 1) throw new Error(`graph ${graph.name}: places wait for each other`);
    changed = false;
    for (const node of graph.nodes) {
      const here = placesAt.get(node.name) ?? [];
      let level = Math.max(0, ...node.inputs.map(value));
      if (here.length > 0) level = Math.max(level, ...here.flatMap((i) => places[i].after.map(value))) + 1;
      for (const i of here) of[i] = level;
      for (const id of node.outputs) {
        if (value(id) === level) continue;
        values.set(id, level);
        changed = true;
      }
    }
  }
  return { of, value };
}
