import { EspalierError } from '../errors.js';
import type { Node } from '../graph/graph.js';

/** The error for a layer that stands in the way of training. */
export function notTrainable(node: Node, message: string): EspalierError {
  return new EspalierError(
    'NOT_TRAINABLE',
    `layer ${node.layer ?? node.name} (${node.attrs.opType ?? node.op}): ${message}`,
  );
}
