import type { BoundGraph } from '../bound-graph.js';
import { fuseActivations } from './activations.js';
import { fuseNormGradients } from './norm-gradients.js';
import { saveClipped } from './save-clipped.js';

/** Joins nodes that one kernel computes in one pass over memory. */
export function fuse(graph: BoundGraph): BoundGraph {
  return fuseNormGradients(fuseActivations(saveClipped(graph)));
}
