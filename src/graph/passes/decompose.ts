import type { Graph } from '../graph.js';
import { findOp } from '../ops/index.js';
import { respell } from './respell.js';

/**
 * Spells ops that are made of others (`OpSpec.compose`) in those, and these again, until all that is left are core ops and
 * what `keeps` says.
 * @example decompose(graph, (op) => Object.hasOwn(KERNELS, op))
 */
export function decompose<G extends Pick<Graph, 'nodes' | 'values' | 'constants'>>(
  graph: G,
  keeps: (op: string) => boolean,
): G {
  return respell(graph, ({ op }) => (keeps(op) ? undefined : findOp(op)?.compose));
}
