import { isBound } from '../../graph/dims.js';
import type { Node, Shape } from '../../graph/graph.js';
import { notTrainable } from '../not-trainable.js';
import type { StepBuilder } from '../step-builder.js';

/**
 * Sums a gradient over the axes along which a value of `shape` was broadcast, so that it has that shape again.
 * @example sumToShape(b, dy, [4]) // dy [N, 3, 4] → [4]
 */
export function sumToShape(b: StepBuilder, dy: string, shape: Shape): string {
  const from = b.shape(dy);
  const lead = from.length - shape.length;
  const leading = Array.from({ length: lead }, (_, i) => i);
  const stretched = shape.flatMap((dim, i) => (dim === 1 && from[lead + i] !== 1 ? [i] : []));
  const summed = lead > 0 ? b.op('ReduceSum', [dy], { axes: leading, keepdims: 0 }) : dy;
  return stretched.length > 0 ? b.op('ReduceSum', [summed], { axes: stretched, keepdims: 1 }) : summed;
}

/**
 * Reshapes a value to a shape that may hold the batch: it is copied where it stays in place, inferred elsewhere.
 * @throws EspalierError NOT_TRAINABLE when more than one dimension would have to be inferred.
 */
export function reshapeTo(b: StepBuilder, node: Node, value: string, shape: Shape): string {
  const from = b.shape(value);
  if (from.length === shape.length && shape.every((dim, i) => dim === from[i])) return value;
  const target = shape.map((dim, i) => (typeof dim === 'number' ? dim : dim === from[i] ? 0 : -1));
  if (target.filter((dim) => dim === -1).length > 1) {
    throw notTrainable(node, `a reshape of [${from}] to [${shape}] leaves more than one dimension open`);
  }
  return b.op('Reshape', [value], { shape: target });
}

/** Extents that must be known. @throws EspalierError NOT_TRAINABLE */
export function knownExtents(node: Node, shape: Shape): Shape<number> {
  if (!isBound(shape)) throw notTrainable(node, `extents [${shape}] must be known for training`);
  return shape;
}

/** `axis` as an index from the front. */
export function positiveAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}
