import type { GraphBuilder } from '../../src/graph/builder.js';
import type { Shape } from '../../src/graph/graph.js';
import { elementCount, tensor } from '../../src/graph/tensor.js';
import type { Random } from './random.js';

/** Makes a random graph around one op: shapes, attributes, and whether its weights are constants. Gives its outputs. */
export type Case = (b: GraphBuilder, r: Random) => string | readonly string[];

export const float = (shape: Shape) => ({ dtype: 'float32' as const, shape });

/** A graph input, or a constant when `constant` says so. Weights may be either; the engine treats them differently. */
export function weight(b: GraphBuilder, r: Random, id: string, shape: number[], least = -1, most = 1): string {
  if (r.int(0, 1) === 0 && least === -1) return b.input(id, float(shape));
  return b.constant(id, tensor('float32', shape, r.floats(elementCount(shape), least, most)), 'parameter');
}
