import type { Graph } from '../../../../graph/graph.js';
import { fuseActivations } from './activations.js';
import { fuseNormGradients } from './norm-gradients.js';
import { saveClipped } from './save-clipped.js';

/** Joins nodes that one kernel computes in one pass over memory. */
export function fuse(graph: Graph<number>): Graph<number> {
  return fuseNormGradients(fuseActivations(saveClipped(graph)));
}
