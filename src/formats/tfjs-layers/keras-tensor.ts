import type { Dim } from '../../graph/graph.js';

/**
 * A Keras tensor on its way through the graph. Its value stands in the layout that Keras declares (channels last, mostly), or
 * with the last axis moved to place 1, or both: a transpose is made only when a reader needs the other one.
 * Below rank 3 the two are the same.
 */
export interface KerasTensor {
  /** In the declared layout; the batch first. */
  readonly shape: readonly Dim[];
  declared?: string;
  channelsFirst?: string;
}

export type Layout = 'declared' | 'channelsFirst';

/** Permutation that moves the last axis to place 1. */
export function toChannelsFirst(rank: number): number[] {
  return [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)];
}

/** The inverse of {@link toChannelsFirst}. */
export function toDeclared(rank: number): number[] {
  return [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1];
}

export function declaredShape(shape: readonly Dim[], layout: Layout): readonly Dim[] {
  if (layout === 'declared' || shape.length < 3) return shape;
  return toDeclared(shape.length).map((axis) => shape[axis]);
}

/** Where a declared axis stands in a layout. */
export function axisIn(layout: Layout, axis: number, rank: number): number {
  if (layout === 'declared' || rank < 3 || axis === 0) return axis;
  return axis === rank - 1 ? 1 : axis + 1;
}
