import { type AxisChannels, type ChannelContext, FIXED } from '../channels.js';
import { formatShape } from '../dims.js';
import type { Dim, Node, Shape } from '../graph.js';
import { OpError, type OpSpec } from '../op-spec.js';
import { elementCount, type RefTensor, rowMajorStrides } from '../tensor.js';
import { channelReason } from './reasons.js';

/**
 * The shape that NumPy broadcasts these to. A symbolic dimension goes with itself and with 1.
 * @throws OpError where they don't fit.
 */
export function broadcastShapes<D extends Dim>(node: Node, shapes: readonly Shape<D>[]): (D | 1)[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, axis) => {
    let result: D | 1 = 1;
    for (const shape of shapes) {
      const dim = shape[shape.length - rank + axis] ?? 1;
      if (dim === 1 || dim === result) continue;
      if (result !== 1) {
        throw new OpError(node, `shapes ${shapes.map(formatShape).join(' and ')} do not broadcast`);
      }
      result = dim;
    }
    return result;
  });
}

export interface Operand {
  readonly shape: Shape;
  readonly axes: readonly AxisChannels[];
}

/**
 * Channels of operands broadcast to `shape`: equal extents are tied index by index; an extent of 1 against a larger one
 * is frozen, and the output takes the channels of the larger. Gives one entry an axis of `shape`.
 */
export function broadcastChannels(
  node: Node,
  ctx: ChannelContext,
  operands: readonly Operand[],
  shape: Shape,
): AxisChannels[] {
  return shape.map((dim, axis) => {
    let result: AxisChannels | undefined;
    for (const operand of operands) {
      const own = operand.shape.length - shape.length + axis;
      if (own < 0) continue;
      const channels = operand.axes[own];
      if (operand.shape[own] !== dim) {
        if (channels !== FIXED) ctx.freeze(channels, channelReason('BROADCAST', node));
        continue;
      }
      if (result !== undefined) ctx.tie(result, channels);
      if (result === undefined || result === FIXED) result = channels;
    }
    return result ?? FIXED;
  });
}

/** By rows, of ops that broadcast: operands that have the result's first axis; others are repeated along it. */
export const broadcastRows: NonNullable<OpSpec['byRows']> = (_node, inputs, output) =>
  inputs.map((shape) => shape.length === output.length && shape[0] === output[0]);

/** Strides with which a tensor is read as if it had the broadcast shape: 0 on axes that repeat. */
export function broadcastStrides(shape: readonly number[], to: readonly number[]): number[] {
  const strides = rowMajorStrides(shape);
  return to.map((_, axis) => {
    const own = shape.length - to.length + axis;
    return own < 0 || shape[own] === 1 ? 0 : strides[own];
  });
}

/** For every element of `to` in row-major order, the offset of the element of `shape` that broadcasts to it. */
export function broadcastOffsets(shape: readonly number[], to: readonly number[]): Int32Array {
  const strides = broadcastStrides(shape, to);
  const offsets = new Int32Array(elementCount(to));
  const index = new Array<number>(to.length).fill(0);
  let offset = 0;
  for (let i = 0; i < offsets.length; i++) {
    offsets[i] = offset;
    for (let axis = to.length - 1; axis >= 0; axis--) {
      offset += strides[axis];
      if (++index[axis] < to[axis]) break;
      offset -= strides[axis] * to[axis];
      index[axis] = 0;
    }
  }
  return offsets;
}

/** Applies `f` to the elements of two tensors, broadcast as NumPy. */
export function mapBroadcast(
  node: Node,
  a: RefTensor,
  b: RefTensor,
  dtype: RefTensor['dtype'],
  f: (a: number, b: number) => number,
): RefTensor {
  const shape = broadcastShapes(node, [a.shape, b.shape]);
  const data = new Float64Array(elementCount(shape));
  const same = (s: readonly number[]) => s.length === shape.length && s.every((d, i) => d === shape[i]);
  if (same(a.shape) && same(b.shape)) {
    for (let i = 0; i < data.length; i++) data[i] = f(a.data[i], b.data[i]);
  } else {
    const atA = broadcastOffsets(a.shape, shape);
    const atB = broadcastOffsets(b.shape, shape);
    for (let i = 0; i < data.length; i++) data[i] = f(a.data[atA[i]], b.data[atB[i]]);
  }
  return { dtype, shape, data };
}
