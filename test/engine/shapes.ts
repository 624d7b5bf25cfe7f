import type { Shape } from '../../src/graph/graph.js';
import type { Random } from './random.js';

/** Extents around the widths of vectors. */
export const VECTOR_EDGES = [1, 7, 8, 9, 15, 16, 17, 31, 32, 33];
/** Extents around what kernels take at once. */
export const TILE_EDGES = [1023, 1024, 1025];

/** The most axes that shapes are drawn with: more than the native engine takes. */
export const MOST_AXES = 10;

const axes = (count: number, extent: () => number): number[] => Array.from({ length: count }, extent);

/**
 * `count` extents: small ones, where there are many axes often none of 1, which could be left out; or an extent around the
 * width of vectors, or of a tile, among small ones.
 */
function extents(r: Random, count: number): number[] {
  const least = count > 4 ? r.int(1, 2) : 1;
  const drawn = axes(count, () => r.int(least, count > 4 ? 2 : 4));
  const kind = r.int(0, 5);
  if (count === 0 || count > 3 || kind < 4) return drawn;
  const small = drawn.map((extent) => Math.min(extent, 2));
  return small.with(r.int(0, count - 1), r.pick(kind === 4 ? VECTOR_EDGES : TILE_EDGES));
}

/** How many axes: mostly few. */
function rank(r: Random, least: number, most: number): number {
  const few = Math.max(least, Math.min(4, most));
  if (r.int(0, 3) > 0 || few >= most) return r.int(least, few);
  return r.int(0, 1) === 0 ? most - r.int(0, Math.min(1, most - few - 1)) : r.int(few + 1, most);
}

/** A shape of `least` to `most` axes, the first of which, if any, is the batch. */
export function anyShape(r: Random, least = 1, most = MOST_AXES): Shape {
  const count = rank(r, least, most);
  return count === 0 ? [] : ['N', ...extents(r, count - 1)];
}

/** The same without a batch. */
export function knownShape(r: Random, least = 1, most = MOST_AXES): number[] {
  return extents(r, rank(r, least, most));
}

/** Sometimes, every other axis: neighbours are never alike then, so that none can be joined. */
function everyOther(r: Random): ((axis: number) => boolean) | undefined {
  const odd = r.int(0, 1);
  return r.int(0, 3) === 0 ? (axis) => axis % 2 === odd : undefined;
}

/** A shape and one that broadcasts with it. */
export function broadcastPair(r: Random): [Shape, Shape] {
  const shape = anyShape(r, 0);
  const repeats = everyOther(r) ?? (() => r.int(0, 2) === 0);
  const from = r.int(0, 1) === 0 ? 0 : r.int(0, Math.max(0, shape.length - 1));
  const other = shape.map((d, axis) => (repeats(axis) ? 1 : d)).slice(from);
  return r.int(0, 1) === 0 ? [shape, other] : [other, shape];
}

/** An axis of as many, from the front or from the back. */
export function anyAxis(r: Random, count: number): number {
  return r.int(-count, count - 1);
}

/** Some of as many axes, each from the front or from the back. */
export function someAxes(r: Random, count: number): number[] {
  const all = Array.from({ length: count }, (_, axis) => axis);
  return all
    .filter(everyOther(r) ?? (() => r.int(0, 1) === 0))
    .map((axis) => (r.int(0, 1) === 0 ? axis : axis - count));
}
