import { type DType, elementCount } from '../../../graph/tensor.js';

/**
 * A piece of memory: in the arena, or what a run is given or fills, or what a program is made with: constants, and weights that
 * it packs from sources when it is made. Where it lies is settled once all are known.
 */
export interface Buffer {
  readonly bytes: number;
  place: 'arena' | 'constant' | 'packed' | 'source' | 'input' | 'output';
  /** Of an input or output: which; of what a program is made with: bytes from the start of all of its place. */
  at: number;
}

/**
 * How a value lies in memory: element i, j, … is at `offset + i·strides[0] + j·strides[1] + …`, in elements. Axes are the
 * IR's; what differs between layouts is the strides. A stride of 0 repeats.
 */
export interface View {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  readonly buffer: Buffer;
}

/** Axes from the outermost in memory to the innermost. */
export type Order = readonly number[];

/** Row-major, as the IR. */
export const plainOrder = (rank: number): Order => Array.from({ length: rank }, (_, i) => i);

/** `[N, …, C]` of `[N, C, …]`. */
export const channelsLastOrder = (rank: number): Order =>
  rank < 3 ? plainOrder(rank) : [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1];

/** The strides of a shape whose elements lie without gaps in the given order. */
export function denseStrides(shape: readonly number[], order: Order): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (const axis of order.toReversed()) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}

/** Whether a view's elements lie without gaps in the given order. Axes of one element may have any stride. */
export function isDense({ shape, strides }: View, order: Order): boolean {
  const dense = denseStrides(shape, order);
  return shape.every((extent, axis) => extent === 1 || strides[axis] === dense[axis]);
}

/** The order in which a view is dense, axes of one element where they are in the plain one; undefined for one with gaps. */
export function denseOrder(view: View): Order | undefined {
  const order = plainOrder(view.shape.length).toSorted((a, b) => {
    if (view.shape[a] === 1 || view.shape[b] === 1) return 0;
    return view.strides[b] - view.strides[a];
  });
  const plain = plainOrder(view.shape.length);
  if (isDense(view, plain)) return plain;
  const last = channelsLastOrder(view.shape.length);
  if (isDense(view, last)) return last;
  return isDense(view, order) ? order : undefined;
}

/** The view broadcast to a shape, as NumPy. */
export function broadcastView(view: View, shape: readonly number[]): View {
  const lead = shape.length - view.shape.length;
  const strides = shape.map((extent, axis) => {
    const own = axis - lead;
    return own < 0 || (view.shape[own] === 1 && extent !== 1) ? 0 : view.strides[own];
  });
  return { ...view, shape, strides };
}

/**
 * The same elements in another shape without a copy: runs of axes that lie without gaps become others. Undefined where
 * elements that must be neighbours aren't.
 */
export function reshapeView(view: View, shape: readonly number[]): View | undefined {
  const from = view.shape.flatMap((extent, i) => (extent === 1 ? [] : [{ extent, stride: view.strides[i] }]));
  const strides: number[] = [];
  let at = 0;
  for (let axis = 0; axis < shape.length; ) {
    if (shape[axis] === 1) {
      strides[axis++] = 0;
      continue;
    }
    // The shortest run of both that has as many elements.
    let [old, fresh] = [from[at].extent, shape[axis]];
    const [first, start] = [at, axis];
    while (old !== fresh) {
      if (old < fresh) old *= from[++at].extent;
      else fresh *= shape[++axis];
    }
    for (let i = first; i < at; i++) {
      if (from[i].stride !== from[i + 1].stride * from[i + 1].extent) return undefined;
    }
    let step = from[at].stride;
    for (let i = axis; i >= start; i--) {
      strides[i] = step;
      step *= shape[i];
    }
    at++;
    axis++;
  }
  return { ...view, shape, strides };
}

/** Axes of several operands' common iteration space, those of one element gone and those that run on joined. */
export function collapse(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
): { dims: number[]; strides: number[][] } {
  const dims: number[] = [];
  const joined: number[][] = strides.map(() => []);
  shape.forEach((extent, axis) => {
    if (extent === 1) return;
    const last = dims.length - 1;
    if (last >= 0 && strides.every((s, k) => joined[k][last] === s[axis] * extent)) {
      dims[last] *= extent;
      strides.forEach((s, k) => {
        joined[k][last] = s[axis];
      });
      return;
    }
    dims.push(extent);
    strides.forEach((s, k) => {
      joined[k].push(s[axis]);
    });
  });
  if (dims.length === 0) return { dims: [1], strides: strides.map(() => [1]) };
  return { dims, strides: joined };
}

export const viewElements = (view: View): number => elementCount(view.shape);
