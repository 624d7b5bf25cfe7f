import type { Dim } from '../../../graph/graph.js';
import { heldBy } from '../../../graph/held.js';
import { elementCount, transposeTensor } from '../../../graph/tensor.js';
import { computedDType } from '../element-types.js';
import { Known } from '../known.js';
import { axesOf, axisIn, type Fold, type FoldInput, invalid } from './fold.js';

const cast: Fold = (x) => {
  const [from] = x.inputs;
  const to = computedDType(x.attrs.int('to') ?? 0);
  if (!from || !to) return undefined;
  if (from.dtype === to) return from.as(from.shape);
  const { entries } = from;
  if (!entries) return undefined;
  const held = to === 'float32' || to === 'float64' ? Math.fround : heldBy(to);
  const convert = (entry: Dim): Dim => (typeof entry === 'string' ? entry : held(entry));
  return Known.entries(to, from.shape, entries.map(convert));
};

const reshape: Fold = (x) => {
  const [from, to] = x.inputs;
  const requested = to?.numbers ?? x.attrs.ints('shape');
  if (!from || !requested) return undefined;
  const copied = requested.map((d, i) => (d === 0 && x.attrs.int('allowzero') !== 1 ? (from.shape[i] ?? 0) : d));
  const rest = from.size / elementCount(copied.filter((d) => d !== -1));
  const resolved = copied.map((d) => (d === -1 ? rest : d));
  if (elementCount(resolved) !== from.size || resolved.some((d) => !Number.isInteger(d) || d < 0)) {
    throw invalid(x, `a constant of shape [${from.shape}] can not take shape [${requested}]`);
  }
  return from.as(resolved);
};

const flatten: Fold = (x) => {
  const [from] = x.inputs;
  if (!from) return undefined;
  const axis = x.attrs.int('axis') ?? 1;
  const at = axis < 0 ? axis + from.shape.length : axis;
  return from.as([elementCount(from.shape.slice(0, at)), elementCount(from.shape.slice(at))]);
};

const squeeze: Fold = (x) => {
  const [from, input] = x.inputs;
  if (!from) return undefined;
  const given = axesOf(x.attrs, input)?.map((a) => axisIn(x, a, from.shape.length));
  return from.as(from.shape.filter((d, i) => (given ? !given.includes(i) : d !== 1)));
};

const unsqueeze: Fold = (x) => {
  const [from, input] = x.inputs;
  const given = axesOf(x.attrs, input);
  return from && given ? from.as(unsqueezed(x, from.shape, given)) : undefined;
};

/** A shape with axes of extent 1 added, whose places are those in the result. */
export function unsqueezed<D extends Dim>(
  x: Pick<FoldInput, 'label'>,
  shape: readonly D[],
  axes: readonly number[],
): (D | 1)[] {
  const rank = shape.length + axes.length;
  const added = new Set(axes.map((a) => axisIn(x as FoldInput, a, rank)));
  if (added.size !== axes.length) throw invalid(x as FoldInput, `axes [${axes}] repeat`);
  const rest = [...shape];
  return Array.from({ length: rank }, (_, i) => (added.has(i) ? 1 : rest.shift()!));
}

const transpose: Fold = (x) => {
  const [from] = x.inputs;
  if (!from) return undefined;
  const reversed = from.shape.map((_, i) => from.shape.length - 1 - i);
  const perm = x.attrs.ints('perm') ?? reversed;
  if (perm.length !== reversed.length || !reversed.every((a) => perm.includes(a))) {
    throw invalid(x, `perm [${perm}] is no permutation of ${reversed.length} axes`);
  }
  const to = perm.map((a) => from.shape[a]);
  return Known.tensor(from.dtype, to, from.isWeight, () => transposeTensor(from.tensor, perm));
};

/** The same data in other shapes, orders and types: of weights too. */
export const VIEWS: Readonly<Record<string, Fold>> = {
  Identity: (x) => x.inputs[0],
  Cast: cast,
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
};
