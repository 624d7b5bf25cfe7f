import { EspalierError } from '../../../errors.js';
import type { Dim, Shape } from '../../../graph/graph.js';
import type { NodeAttributes } from '../attributes.js';
import type { Known } from '../known.js';

/** What folding sees of a node. */
export interface FoldInput {
  readonly label: string;
  readonly attrs: NodeAttributes;
  readonly opset: number;
  readonly inputs: readonly (Known | undefined)[];
  /** The shape of an input that is not known. */
  shape(i: number): Shape;
}

/** The known output of a node; undefined when it isn't to be had from what is known. */
export type Fold = (x: FoldInput) => Known | undefined;

export const invalid = (x: FoldInput, message: string): EspalierError =>
  new EspalierError('LAYER_INVALID', `${x.label}: ${message}`);

export function axisIn(x: FoldInput, axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (!(positive >= 0 && positive < rank)) throw invalid(x, `axis ${axis} is out of range for ${rank} axes`);
  return positive;
}

/** Axes from an attribute (older opsets) or from an input. */
export function axesOf(attrs: NodeAttributes, input: Known | undefined): readonly number[] | undefined {
  return attrs.ints('axes') ?? input?.numbers;
}

/** Entries of what shapes are computed from: weights are computed by the model itself. */
export function small(value: Known | undefined): readonly Dim[] | undefined {
  return value?.isWeight && value.size > 1 ? undefined : value?.entries;
}
