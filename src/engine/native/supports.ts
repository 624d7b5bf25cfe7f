import { type Graph, getSpec } from '../../graph/graph.js';
import { OpError } from '../../graph/op-spec.js';
import { GraphRefused } from '../refusal.js';
import { LOWERINGS } from './lowerings/index.js';
import { bindGraph } from './plan/bound-graph.js';
import { ELEMENTWISE } from './plan/elementwise.js';
import { EXPANDED } from './plan/expand-norms.js';
import { planGraph } from './plan/plan-graph.js';
import type { Kernels } from './plan/planner.js';

const IMPLEMENTED: ReadonlySet<string> = new Set([...Object.keys(ELEMENTWISE), ...Object.keys(LOWERINGS), ...EXPANDED]);

/**
 * Why this engine does not run a graph; undefined when it does, as far as that can be told before its open extents are
 * known: it is planned with extents of 2.
 */
export function findRefusal(graph: Graph, kernels: Kernels): GraphRefused | undefined {
  const unknown = graph.nodes.find(({ op }) => !IMPLEMENTED.has(op));
  if (unknown) {
    return new GraphRefused(`${unknown.op} ${unknown.layer ?? unknown.name}: the native engine has no such op`);
  }
  const shapes = graph.inputs.map((id) => [id, getSpec(graph, id).shape.map((d) => (typeof d === 'number' ? d : 2))]);
  try {
    planGraph(bindGraph(graph, Object.fromEntries(shapes)), kernels);
  } catch (error) {
    if (error instanceof GraphRefused) return error;
    // A window that doesn't fit an extent of 2 says nothing of others: the first run will tell.
    if (!(error instanceof OpError)) throw error;
  }
  return undefined;
}
