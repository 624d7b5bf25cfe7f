import type { Dim, Node, Shape } from '../graph.js';
import { OpError } from '../op-spec.js';
import { choiceAttr, numbersAttr } from './attributes.js';

/** Where place `i` of a resized axis lies on the original one; `back` divides by the scale. */
type Coordinate = (i: number, from: number, to: number, back: (x: number) => number) => number;

const COORDINATES = {
  half_pixel: (i, _from, _to, back) => back(i + 0.5) - 0.5,
  pytorch_half_pixel: (i, _from, to, back) => (to > 1 ? back(i + 0.5) - 0.5 : 0),
  asymmetric: (i, _from, _to, back) => back(i),
  align_corners: (i, from, to) => (to > 1 ? (i * (from - 1)) / (to - 1) : 0),
} as const satisfies Record<string, Coordinate>;

/** How a coordinate between two elements becomes one of them. */
const NEAREST = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
} as const satisfies Record<string, (x: number) => number>;

const keys = <T extends object>(table: T) => Object.keys(table) as (keyof T)[];

export interface ResizeSettings {
  readonly mode: 'nearest' | 'linear';
  readonly coordinates: keyof typeof COORDINATES;
  readonly nearest: keyof typeof NEAREST;
}

/** How a node resizes, with defaults. @throws OpError for modes that there aren't. */
export function resizeSettings(node: Node): ResizeSettings {
  return {
    mode: choiceAttr(node, 'mode', ['nearest', 'linear'], 'nearest'),
    coordinates: choiceAttr(node, 'coordinate_transformation_mode', keys(COORDINATES), 'half_pixel'),
    nearest: choiceAttr(node, 'nearest_mode', keys(NEAREST), 'round_prefer_floor'),
  };
}

/** The attribute `scales`: one for each axis. @throws OpError for another number of them, or one that is not above 0. */
export function resizeScales(node: Node, rank: number): readonly number[] {
  const scales = numbersAttr(node, 'scales');
  if (scales.length !== rank || scales.some((s) => !(s > 0 && Number.isFinite(s)))) {
    throw new OpError(node, `scales must be ${rank} numbers above 0, got [${scales}]`);
  }
  return scales;
}

/** Extents are scaled and rounded down, in the float32 arithmetic that ONNX's scales are made for. */
export function resizedShape(node: Node, shape: Shape): Dim[] {
  return resizeScales(node, shape.length).map((scale, axis) => {
    const extent = shape[axis];
    if (scale === 1) return extent;
    if (typeof extent === 'string') {
      if (axis === 0) throw new OpError(node, `the batch ${extent} can not be resized, its scale is ${scale}`);
      return `resized(${extent} ${scale})`;
    }
    return Math.floor(Math.fround(extent * scale));
  });
}

/** For each place of a resized axis the two elements that it lies between, and the share of the second. */
export interface Samples {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly share: Float64Array;
}

/**
 * What an axis of `from` elements is made of once it has `to`. A scale that is the ratio of the two is taken as exactly
 * that, so that no rounding of it moves a coordinate across an element.
 */
export function axisSamples(node: Node, from: number, to: number, scale: number): Samples {
  const { mode, coordinates, nearest } = resizeSettings(node);
  const isRatio = Math.abs(scale * from - to) <= 1e-6 * to;
  const back = (x: number): number => (isRatio ? (x * from) / to : x / scale);
  const places = Float64Array.from({ length: to }, (_, i) => {
    const x = COORDINATES[coordinates](i, from, to, back);
    return Math.min(Math.max(mode === 'nearest' ? NEAREST[nearest](x) : x, 0), from - 1);
  });
  const first = Int32Array.from(places, Math.floor);
  return {
    first,
    second: first.map((i) => Math.min(i + 1, from - 1)),
    share: places.map((x, i) => x - first[i]),
  };
}

/** The number of times that every element is repeated, in order, where samples are just that; undefined where not. */
export function wholeRepeats({ first, share }: Samples, from: number): number | undefined {
  const times = first.length / from;
  const repeated = Number.isInteger(times) && first.every((at, i) => at === Math.floor(i / times) && share[i] === 0);
  return repeated ? times : undefined;
}

/** The samples as a matrix `[to, from]`, row-major, that makes the resized axis from the original one. */
export function sampleMatrix({ first, second, share }: Samples, from: number): Float64Array {
  const matrix = new Float64Array(first.length * from);
  for (let i = 0; i < first.length; i++) {
    matrix[i * from + first[i]] += 1 - share[i];
    matrix[i * from + second[i]] += share[i];
  }
  return matrix;
}
