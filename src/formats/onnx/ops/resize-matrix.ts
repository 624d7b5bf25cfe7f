import { getExtent } from '../../../graph/dims.js';
import type { Dim } from '../../../graph/graph.js';
import type { NodeLowering } from '../lowering.js';

/** How one Resize node resizes, whatever version of it. */
export interface ResizeRequest {
  readonly mode: string;
  readonly coordinates: string;
  readonly nearest: string;
  readonly antialias: boolean;
  readonly excludeOutside: boolean;
  readonly cubicCoefficient: number;
  readonly extrapolation: number;
  /** Start and end of the part that is resized, for each axis; only `tf_crop_and_resize` has one. */
  readonly region: readonly (readonly [number, number])[] | undefined;
  /** For each axis. */
  readonly scales: readonly number[];
  /** Extents of the result. */
  readonly sizes: readonly Dim[];
}

/** One axis to resize, all extents known. */
interface AxisRequest extends ResizeRequest {
  readonly from: number;
  readonly to: number;
  readonly scale: number;
  readonly part: readonly [number, number];
}

/** Of one matrix of shares. */
const MOST_SHARES = 2 ** 24;

/** Where place `i` of the result lies on the axis, as ONNX defines it. */
type Coordinate = (i: number, axis: AxisRequest) => number;

const halfPixel: Coordinate = (i, { scale }) => (i + 0.5) / scale - 0.5;

const COORDINATES: Readonly<Record<string, Coordinate>> = {
  half_pixel: halfPixel,
  pytorch_half_pixel: (i, axis) => (axis.to > 1 ? halfPixel(i, axis) : 0),
  asymmetric: (i, { scale }) => i / scale,
  align_corners: (i, { from, to }) => (to > 1 ? (i * (from - 1)) / (to - 1) : 0),
  half_pixel_symmetric: (i, axis) => {
    const exact = axis.from * axis.scale;
    const center = axis.from / 2;
    return center * (1 - axis.to / exact) + halfPixel(i, axis);
  },
  tf_crop_and_resize: (i, { from, to, part: [start, end] }) =>
    to > 1 ? start * (from - 1) + (i * (end - start) * (from - 1)) / (to - 1) : 0.5 * (start + end) * (from - 1),
};

const NEAREST: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

const linear = (x: number): number => Math.max(0, 1 - Math.abs(x));

/** Keys 1981. */
function cubic(a: number): (x: number) => number {
  return (x) => {
    const d = Math.abs(x);
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
  };
}

/** The shares that each element of an axis has in each place of the resized one, row-major `[to, from]`. */
function shares(n: NodeLowering, axis: AxisRequest): { matrix: Float64Array; outside: boolean[] } {
  const { from, to, mode, scale, antialias } = axis;
  const place = COORDINATES[axis.coordinates];
  if (!place) throw n.unsupported(`coordinate_transformation_mode ${axis.coordinates}`);
  const matrix = new Float64Array(to * from);
  const outside: boolean[] = [];
  const within = (at: number): number => Math.min(Math.max(at, 0), from - 1);
  for (let i = 0; i < to; i++) {
    const x = place(i, axis);
    const beyond = axis.region !== undefined && (x < 0 || x > from - 1);
    outside.push(beyond);
    if (beyond) continue;
    if (mode === 'nearest') {
      const round = NEAREST[axis.nearest];
      if (!round) throw n.unsupported(`nearest_mode ${axis.nearest}`);
      matrix[i * from + within(round(x))] = 1;
      continue;
    }
    const filter = mode === 'cubic' ? cubic(axis.cubicCoefficient) : linear;
    const widening = antialias && scale < 1 ? scale : 1;
    const reach = Math.ceil((mode === 'cubic' ? 2 : 1) / widening);
    const taps: [at: number, weight: number][] = [];
    for (let at = Math.floor(x) - reach; at <= Math.floor(x) + reach + 1; at++) {
      const weight = filter((at - x) * widening);
      const isOutside = at < 0 || at >= from;
      // Unless it is told to leave the outside out, a filter sees the border repeated there.
      if (weight !== 0 && !(isOutside && axis.excludeOutside)) taps.push([within(at), weight]);
    }
    const total = taps.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [at, weight] of taps) matrix[i * from + at] += weight / total;
  }
  return { matrix, outside };
}

/**
 * Any separable resize: along each axis that changes a product with a matrix of shares. The axis is moved last-but-one, so
 * that the matrix is the left factor and no layer of weights.
 */
export function resizeByMatrices(n: NodeLowering, request: ResizeRequest): string {
  const shape = n.shape(0);
  const rank = shape.length;
  if (rank < 2) throw n.unsupported('it resizes a vector');
  let value = n.value(0);
  const beyond: boolean[][] = shape.map(() => []);
  const dims = [...shape];
  shape.forEach((from, axis) => {
    const to = request.sizes[axis];
    const whole = !request.region || (request.region[axis][0] === 0 && request.region[axis][1] === 1);
    if (from === to && request.scales[axis] === 1 && whole) return;
    if (typeof from !== 'number' || typeof to !== 'number') throw n.unsupported(`it resizes ${from} to ${to}`);
    if (from * to > MOST_SHARES) throw n.unsupported(`it resizes ${from} to ${to} by a filter`);
    const part = request.region?.[axis] ?? ([0, 1] as const);
    const { matrix, outside } = shares(n, { ...request, from, to, scale: request.scales[axis], part });
    beyond[axis] = outside;
    const order = Array.from({ length: rank }, (_, i) => i);
    const swap = order.with(axis, rank - 2).with(rank - 2, axis);
    const moved = axis === rank - 2 ? value : n.emit('Transpose', [value], { perm: swap });
    const resized = n.emit('MatMul', [n.literal([...matrix], [to, from]), moved]);
    value = axis === rank - 2 ? resized : n.emit('Transpose', [resized], { perm: swap });
    dims[axis] = to;
  });
  const added = extrapolated(beyond, dims, request.extrapolation);
  return added ? n.emit('Add', [value, n.literal(added.values, added.shape)]) : value;
}

/** What is added where a place lies outside of the axis in any direction: there, the shares are all 0. */
function extrapolated(
  beyond: readonly boolean[][],
  dims: readonly (number | string)[],
  value: number,
): { values: number[]; shape: number[] } | undefined {
  if (value === 0 || !beyond.some((places) => places.includes(true))) return undefined;
  const shape = beyond.map((places, axis) => (places.length > 0 ? getExtent(dims, axis) : 1));
  const total = shape.reduce((p, d) => p * d, 1);
  const values = Array.from({ length: total }, (_, i) => {
    let rest = i;
    let outside = false;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      outside ||= beyond[axis][rest % shape[axis]] ?? false;
      rest = Math.floor(rest / shape[axis]);
    }
    return outside ? value : 0;
  });
  return { values, shape };
}
