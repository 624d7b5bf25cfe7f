import { type Graph, getSpec } from '../../graph/graph.js';
import { OpError } from '../../graph/op-spec.js';
import { decompose } from '../../graph/passes/decompose.js';
import { bindShapes } from '../../graph/passes/reinfer.js';
import { GraphRefused } from '../refusal.js';
import { LOWERINGS } from './lowerings/index.js';
import { ELEMENTWISE } from './plan/elementwise.js';
import { planGraph } from './plan/plan-graph.js';
import type { Kernels } from './plan/planner.js';

const hasOwn = (op: string): boolean => Object.hasOwn(ELEMENTWISE, op) || Object.hasOwn(LOWERINGS, op);

/** The graph in ops that this engine has. */
export const inOwnOps = (graph: Graph): Graph => decompose(graph, hasOwn);

/**
 * Why this engine does not run a graph; undefined when it does, as far as that can be told before its open extents are
 * known: it is planned with extents of 2.
 */
export function findRefusal(whole: Graph, kernels: Kernels): GraphRefused | undefined {
  const graph = inOwnOps(whole);
  const unknown = graph.nodes.find(({ op }) => !hasOwn(op));
  if (unknown) {
    return new GraphRefused(`${unknown.op} ${unknown.layer ?? unknown.name}: the native engine has no such op`);
  }
  const shapes = graph.inputs.map((id) => [id, getSpec(graph, id).shape.map((d) => (typeof d === 'number' ? d : 2))]);
  try {
    planGraph(bindShapes(graph, Object.fromEntries(shapes)), kernels);
  } catch (error) {
    if (error instanceof GraphRefused) return error;
    // A window that doesn't fit an extent of 2 says nothing of others: the first run will tell.
    if (!(error instanceof OpError)) throw error;
  }
  return undefined;
}
