import { dimProduct } from './dims.js';
import { type Graph, getSpec, type Shape } from './graph.js';
import { findOp } from './ops/index.js';
import { DTYPE_BYTES } from './tensor.js';

/**
 * The least memory that a run of a graph needs when nodes run in order: at each node, what it reads, what it makes, and
 * what is read later; constants, inputs and outputs all the time. Engines need more for their kernels' own use.
 * @param extents of symbolic dimensions
 * @returns bytes
 * @throws Error naming a value with a symbolic dimension that has no extent
 * @example peakMemory(step.graph, { N: 64 })
 */
export function peakMemory(graph: Graph, extents: Readonly<Record<string, number>>): number {
  const bytes = (id: string): number => {
    const { dtype, shape } = getSpec(graph, id);
    return DTYPE_BYTES[dtype] * concreteCount(graph, id, shape, extents);
  };
  /** The value in whose memory each value lies. */
  const home = new Map<string, string>();
  const homeOf = (id: string): string => home.get(id) ?? id;
  const last = new Map<string, number>();
  graph.nodes.forEach((node, position) => {
    if (findOp(node.op)?.view === 'same') home.set(node.outputs[0], homeOf(node.inputs[0]));
    for (const id of [...node.inputs, ...node.outputs]) if (id !== '') last.set(homeOf(id), position);
  });
  const standing = new Set([...graph.constants.keys(), ...graph.inputs]);
  for (const { value } of graph.outputs) last.set(homeOf(value), graph.nodes.length);

  let live = 0;
  for (const id of standing) live += bytes(id);
  let peak = live;
  graph.nodes.forEach((node, position) => {
    const made = node.outputs.filter((id) => homeOf(id) === id);
    for (const id of made) live += bytes(id);
    peak = Math.max(peak, live);
    for (const id of new Set([...node.inputs, ...node.outputs].filter((name) => name !== '').map(homeOf))) {
      if (last.get(id) === position && !standing.has(id)) live -= bytes(id);
    }
  });
  return peak;
}

function concreteCount(graph: Graph, id: string, shape: Shape, extents: Readonly<Record<string, number>>): number {
  const { coefficient, symbols } = dimProduct(shape);
  return symbols.reduce((count, symbol) => {
    const extent = extents[symbol];
    if (extent === undefined)
      throw new Error(`value ${id} of graph ${graph.name} has a dimension ${symbol} of no known extent`);
    return count * extent;
  }, coefficient);
}
