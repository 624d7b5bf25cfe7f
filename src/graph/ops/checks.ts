import { dimProduct, formatShape } from '../dims.js';
import type { Dim, Node, Shape, TensorSpec } from '../graph.js';
import { type InferInput, OpError } from '../op-spec.js';
import type { DType, RefTensor } from '../tensor.js';

/** Largest number of elements of one sample of any value. */
export const MAX_ELEMENTS = 2 ** 31;

/** The dtypes of numbers, by kind, and what they are called. */
const KINDS = {
  float: { called: 'float', dtypes: ['float32', 'float64'] },
  integer: { called: 'integers', dtypes: ['int32', 'int64', 'uint8'] },
  signed: { called: 'numbers with a sign', dtypes: ['float32', 'float64', 'int32', 'int64'] },
  number: { called: 'numbers', dtypes: ['float32', 'float64', 'int32', 'int64', 'uint8'] },
} as const satisfies Record<string, { called: string; dtypes: readonly DType[] }>;
type Kind = keyof typeof KINDS;

export const isKind = (dtype: DType, kind: Kind): boolean => (KINDS[kind].dtypes as readonly DType[]).includes(dtype);

/** Input `i`, which must be there. `what` names it in the error. */
export function requiredInput(x: InferInput, i: number, what: string): TensorSpec {
  const spec = x.inputs[i];
  if (!spec) throw new OpError(x.node, `input ${i} (${what}) is absent`);
  return spec;
}

/** The tensor of input `i` of a node that is being evaluated. */
export function requiredTensor(node: Node, inputs: readonly (RefTensor | undefined)[], i: number): RefTensor {
  const t = inputs[i];
  if (!t) throw new OpError(node, `input ${i} is absent`);
  return t;
}

export function expectFloat(node: Node, spec: TensorSpec, what: string): void {
  expectKind(node, spec, 'float', what);
}

/** That the op means something for elements of this dtype: a truth has no sum, a byte no negative. */
export function expectKind(node: Node, spec: TensorSpec, kind: Kind, what: string): void {
  if (!isKind(spec.dtype, kind)) throw new OpError(node, `${what} must be ${KINDS[kind].called}, got ${spec.dtype}`);
}

export function expectDType(node: Node, spec: TensorSpec, dtype: DType, what: string): void {
  if (spec.dtype !== dtype) throw new OpError(node, `${what} must be ${dtype}, got ${spec.dtype}`);
}

export function expectMinRank(node: Node, spec: TensorSpec, rank: number, what: string): void {
  if (spec.shape.length < rank) {
    throw new OpError(node, `${what} needs at least ${rank} axes, got shape ${formatShape(spec.shape)}`);
  }
}

export function expectShape(node: Node, spec: TensorSpec, shape: Shape, what: string): void {
  if (spec.shape.length !== shape.length || spec.shape.some((d, i) => d !== shape[i])) {
    throw new OpError(node, `${what} must have shape ${formatShape(shape)}, got ${formatShape(spec.shape)}`);
  }
}

/** A dimension that must be a known number. */
export function knownDim(node: Node, dim: Dim, what: string): number {
  if (typeof dim !== 'number') throw new OpError(node, `${what} must be known, got ${dim}`);
  return dim;
}

/** Maps a possibly negative axis into `[0, rank)`, or `[0, rank]` with `inclusive`. */
export function normalizeAxis(node: Node, axis: number, rank: number, inclusive = false): number {
  const normalized = axis < 0 ? axis + rank : axis;
  if (normalized < 0 || normalized > (inclusive ? rank : rank - 1)) {
    throw new OpError(node, `axis ${axis} is out of range for ${rank} axes`);
  }
  return normalized;
}

/** An output spec whose shape is sane. @throws OpError for an extent below 1 or too many elements. */
export function outputSpec(node: Node, dtype: DType, shape: Shape): TensorSpec {
  if (shape.some((dim) => typeof dim === 'number' && !(dim > 0))) {
    throw new OpError(node, `output would have shape ${formatShape(shape)}`);
  }
  const elements = dimProduct(shape).coefficient;
  if (!(elements <= MAX_ELEMENTS)) {
    const found = `output shape ${formatShape(shape)} overflows: ${elements} elements a sample`;
    throw new OpError(node, found, 'SHAPE_OVERFLOW');
  }
  return { dtype, shape };
}

/** The axes from one on. */
export function axesFrom(first: number, rank: number): number[] {
  return Array.from({ length: Math.max(0, rank - first) }, (_, i) => first + i);
}
