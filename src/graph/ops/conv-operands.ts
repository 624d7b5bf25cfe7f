import type { Dim } from '../graph.js';
import type { InferInput } from '../op-spec.js';
import { OpError } from '../op-spec.js';
import type { DType } from '../tensor.js';
import { intAttr } from './attributes.js';
import { expectDType, expectFloat, expectMinRank, expectShape, knownDim, requiredInput } from './checks.js';

/** What every convolution is made of: x `[N, C, …]`, filters with an axis for each of x's, an optional bias, groups. */
export interface ConvOperands {
  readonly dtype: DType;
  readonly batch: Dim;
  /** Of x. */
  readonly channels: number;
  readonly spatial: readonly Dim[];
  /** Extents of W; their meaning is the op's. */
  readonly filters: readonly number[];
  readonly group: number;
}

/** @throws OpError naming the node when x and W don't fit each other in type and rank, or an extent is not known */
export function convOperands(x: InferInput): ConvOperands {
  const { node } = x;
  const input = requiredInput(x, 0, 'x');
  const weight = requiredInput(x, 1, 'W');
  expectFloat(node, input, 'x');
  expectMinRank(node, input, 3, 'x');
  expectDType(node, weight, input.dtype, 'W');
  if (weight.shape.length !== input.shape.length) {
    throw new OpError(node, `x has ${input.shape.length} axes and W ${weight.shape.length}`);
  }
  return {
    dtype: input.dtype,
    batch: input.shape[0],
    filters: weight.shape.map((d, i) => knownDim(node, d, `axis ${i} of W`)),
    channels: knownDim(node, input.shape[1], 'the channels of x'),
    spatial: input.shape.slice(2),
    group: intAttr(node, 'group', 1),
  };
}

/** @throws OpError naming the node for a bias that isn't one number of x's type for each output channel */
export function expectBias(x: InferInput, dtype: DType, channels: number): void {
  const bias = x.inputs[2];
  if (!bias) return;
  expectDType(x.node, bias, dtype, 'the bias');
  expectShape(x.node, bias, [channels], 'the bias');
}
