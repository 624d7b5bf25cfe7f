import type { Dim, Node, Shape } from '../graph.js';
import { OpError } from '../op-spec.js';
import { elementCount, type RefTensor, rowMajorStrides } from '../tensor.js';

/** The shape that all of `shapes` broadcast to, as NumPy. A symbolic dimension goes with itself and with 1 only. */
export function broadcastShapes<D extends Dim>(node: Node, shapes: readonly (readonly D[])[]): D[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  const out = new Array<Dim>(rank).fill(1);
  for (const shape of shapes) {
    shape.forEach((dim, i) => {
      const at = rank - shape.length + i;
      if (out[at] === 1) out[at] = dim;
      else if (dim !== 1 && dim !== out[at]) {
        throw new OpError(node, `shapes ${shapes.map((s: Shape) => `[${s}]`).join(' and ')} don't broadcast`);
      }
    });
  }
  return out as D[];
}

/** For each element of `shape`, in order, the offset of the element of `from` that is broadcast to it. */
export function broadcastOffsets(shape: readonly number[], from: readonly number[]): Int32Array {
  const lead = shape.length - from.length;
  const own = rowMajorStrides(from);
  const strides = shape.map((_, i) => (i < lead || from[i - lead] === 1 ? 0 : own[i - lead]));
  const offsets = new Int32Array(elementCount(shape));
  const index = new Array<number>(shape.length).fill(0);
  let offset = 0;
  for (let i = 0; i < offsets.length; i++) {
    offsets[i] = offset;
    for (let a = shape.length - 1; a >= 0; a--) {
      offset += strides[a];
      if (++index[a] < shape[a]) break;
      offset -= strides[a] * shape[a];
      index[a] = 0;
    }
  }
  return offsets;
}

/** Applies `f` element by element to inputs that broadcast to one shape. */
export function mapBroadcast(
  node: Node,
  inputs: readonly (RefTensor | undefined)[],
  dtype: RefTensor['dtype'],
  f: (...values: number[]) => number,
): RefTensor {
  const all = inputs as readonly RefTensor[];
  const shape = broadcastShapes(
    node,
    all.map((t) => t.shape),
  );
  const offsets = all.map((t) => broadcastOffsets(shape, t.shape));
  const data = new Float64Array(elementCount(shape));
  for (let i = 0; i < data.length; i++) data[i] = f(...all.map((t, k) => t.data[offsets[k][i]]));
  return { dtype, shape, data };
}
