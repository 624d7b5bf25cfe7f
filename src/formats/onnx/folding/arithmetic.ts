import { dimProduct, divideProducts, toDim } from '../../../graph/dims.js';
import type { Dim } from '../../../graph/graph.js';
import { type DType, elementCount, rowMajorStrides } from '../../../graph/tensor.js';
import { Known } from '../known.js';
import { type Fold, small } from './fold.js';

type Numeric = (a: number, b: number, whole: boolean) => number;
/** The same with symbols; undefined where the result is no product of symbols. */
type Symbolic = (a: Dim, b: Dim) => Dim | undefined;

const never: Symbolic = () => undefined;

function binary(numeric: Numeric, symbolic: Symbolic, result?: DType): Fold {
  return (x) => {
    const [a, b] = x.inputs;
    const [left, right] = [small(a), small(b)];
    if (!a || !b || !left || !right) return undefined;
    const to = broadcast(a.shape, b.shape);
    if (!to) return undefined;
    const whole = a.dtype !== 'float32';
    const at = indexer(a.shape, to);
    const bt = indexer(b.shape, to);
    const out: Dim[] = [];
    for (let i = 0; i < elementCount(to); i++) {
      const [p, q] = [left[at(i)], right[bt(i)]];
      const value =
        typeof p === 'number' && typeof q === 'number' ? rounded(numeric(p, q, whole), whole) : symbolic(p, q);
      if (value === undefined || (whole && typeof value === 'number' && !Number.isSafeInteger(value))) return undefined;
      out.push(value);
    }
    return Known.entries(result ?? a.dtype, to, out);
  };
}

const rounded = (value: number, whole: boolean): number => (whole ? value : Math.fround(value));

export function broadcast(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const to: number[] = [];
  for (let i = 0; i < rank; i++) {
    const [p, q] = [a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1];
    if (p !== q && p !== 1 && q !== 1) return undefined;
    to.push(p === 1 ? q : p);
  }
  return to;
}

export function indexer(from: readonly number[], to: readonly number[]): (i: number) => number {
  const own = rowMajorStrides(from);
  const strides = rowMajorStrides(to);
  const lead = to.length - from.length;
  return (i) =>
    from.reduce((at, extent, axis) => {
      const index = Math.floor(i / strides[axis + lead]) % to[axis + lead];
      return at + (extent === 1 ? 0 : index * own[axis]);
    }, 0);
}

const isZero = (d: Dim): boolean => d === 0;
/** An extent that isn't known is at least 1. */
const equalsSymbol: Symbolic = (a, b) =>
  a === b ? 1 : [a, b].some((d) => typeof d === 'number' && d < 1) ? 0 : undefined;

function unary(apply: (value: number) => number): Fold {
  return (x) => {
    const entries = small(x.inputs[0]);
    if (!entries?.every((entry) => typeof entry === 'number')) return undefined;
    const whole = x.inputs[0]!.dtype !== 'float32';
    return Known.entries(
      x.inputs[0]!.dtype,
      x.inputs[0]!.shape,
      entries.map((v) => rounded(apply(v), whole)),
    );
  };
}

/** Rounding leaves a whole extent as it is, known or not. */
function rounding(apply: (value: number) => number): Fold {
  return (x) => {
    const entries = small(x.inputs[0]);
    if (!entries) return undefined;
    const rounded = entries.map((v) => (typeof v === 'number' ? apply(v) : v));
    return Known.entries(x.inputs[0]!.dtype, x.inputs[0]!.shape, rounded);
  };
}

const where: Fold = (x) => {
  const [condition, a, b] = x.inputs;
  const [chosen, left, right] = [condition?.numbers, small(a), small(b)];
  if (!condition || !a || !b || !chosen || !left || !right) return undefined;
  const joint = broadcast(a.shape, b.shape);
  const to = joint && broadcast(condition.shape, joint);
  if (!to) return undefined;
  const [ct, at, bt] = [condition.shape, a.shape, b.shape].map((shape) => indexer(shape, to));
  const out = Array.from({ length: elementCount(to) }, (_, i) => (chosen[ct(i)] ? left[at(i)] : right[bt(i)]));
  return Known.entries(a.dtype, to, out);
};

/** Repeats a vector or scalar to a shape. */
const expand: Fold = (x) => {
  const [from, to] = x.inputs;
  const entries = small(from);
  const requested = to?.numbers;
  if (!from || !entries || !requested) return undefined;
  const shape = broadcast(from.shape, requested);
  if (!shape || elementCount(shape) > 64) return undefined;
  const at = indexer(from.shape, shape);
  return Known.entries(
    from.dtype,
    shape,
    Array.from({ length: elementCount(shape) }, (_, i) => entries[at(i)]),
  );
};

/** Element by element, with extents that aren't known as symbols where that comes out exact. */
export const ARITHMETIC: Readonly<Record<string, Fold>> = {
  Add: binary(
    (a, b) => a + b,
    (a, b) => (isZero(a) ? b : isZero(b) ? a : undefined),
  ),
  Sub: binary(
    (a, b) => a - b,
    (a, b) => (isZero(b) ? a : a === b ? 0 : undefined),
  ),
  Mul: binary(
    (a, b) => a * b,
    (a, b) =>
      Number.isInteger(a) || Number.isInteger(b) || typeof a === typeof b ? toDim(dimProduct([a, b])) : undefined,
  ),
  Div: binary(
    (a, b, whole) => (whole ? Math.trunc(a / b) : a / b),
    (a, b) => {
      const quotient = isZero(b) ? undefined : divideProducts(dimProduct([a]), dimProduct([b]));
      return quotient && toDim(quotient);
    },
  ),
  Mod: binary((a, b) => a - b * Math.floor(a / b), never),
  Max: binary((a, b) => Math.max(a, b), never),
  Min: binary((a, b) => Math.min(a, b), never),
  Equal: binary((a, b) => (a === b ? 1 : 0), equalsSymbol, 'bool'),
  Greater: binary((a, b) => (a > b ? 1 : 0), never, 'bool'),
  Less: binary((a, b) => (a < b ? 1 : 0), never, 'bool'),
  Where: where,
  Expand: expand,
  Floor: rounding(Math.floor),
  Ceil: rounding(Math.ceil),
  Round: rounding((v) => (Math.abs(v % 1) === 0.5 ? 2 * Math.round(v / 2) : Math.round(v))),
  Neg: unary((v) => -v),
  Sqrt: unary(Math.sqrt),
  Not: unary((v) => (v === 0 ? 1 : 0)),
};
