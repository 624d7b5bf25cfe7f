import { EspalierError } from '../../../errors.js';
import { dimProduct, toDim } from '../../../graph/dims.js';
import type { Dim, Shape } from '../../../graph/graph.js';
import { allocate, elementCount, tensor } from '../../../graph/tensor.js';
import type { NodeAttributes } from '../attributes.js';
import { computedDType, decodeComputed } from '../element-types.js';
import { Known } from '../known.js';
import { ARITHMETIC } from './arithmetic.js';
import { axisIn, type Fold, type FoldInput, invalid, small } from './fold.js';
import { VIEWS } from './views.js';

export { axesOf, type FoldInput } from './fold.js';
export { unsqueezed } from './views.js';

/** Most elements that files may have made up (`ConstantOfShape`), so that a few bytes can't fill the memory. */
const MOST_FILLED = 2 ** 28;

/**
 * Evaluates the arithmetic on shapes that exporters leave in models, and views of weights. Extents that are not known stay
 * symbols: sums, products and quotients of them are made where they come out exact.
 */
export function foldNode(opType: string, x: FoldInput): Known | undefined {
  return Object.hasOwn(FOLDS, opType) ? FOLDS[opType](x) : undefined;
}

function constantOf(attrs: NodeAttributes, label: string): Known | undefined {
  const proto = attrs.tensor('value');
  if (proto) {
    const dtype = computedDType(proto.dataType);
    if (!dtype) return undefined;
    const shape = proto.dims.map(Number);
    return Known.tensor(dtype, shape, false, () => {
      try {
        return decodeComputed(proto);
      } catch (cause) {
        if (cause instanceof EspalierError)
          throw new EspalierError(cause.code, `${label}: ${cause.message}`, { cause });
        throw cause;
      }
    });
  }
  const one = attrs.int('value_int');
  if (one !== undefined) return Known.entries('int64', [], [one]);
  const float = attrs.float('value_float');
  if (float !== undefined) return Known.entries('float32', [], [float]);
  const ints = attrs.ints('value_ints');
  if (ints) return Known.entries('int64', [ints.length], ints);
  const floats = attrs.floats('value_floats');
  return floats && Known.entries('float32', [floats.length], floats);
}

const constantOfShape: Fold = (x) => {
  const shape = x.inputs[0]?.numbers;
  if (!shape) return undefined;
  const value = x.attrs.tensor('value');
  const filling = value ? decodeComputed(value) : tensor('float32', [1], [0]);
  const count = elementCount(shape);
  if (shape.some((d) => !(d >= 0)) || !(count <= MOST_FILLED)) {
    throw new EspalierError(
      'SHAPE_OVERFLOW',
      `${x.label}: a constant of shape [${shape}]; at most ${MOST_FILLED} elements`,
    );
  }
  if (filling.data.length !== 1) throw invalid(x, `its value has ${filling.data.length} elements; one is needed`);
  const { dtype } = filling;
  return Known.tensor(dtype, shape, true, () => {
    const data = allocate(dtype, count);
    if (Number(filling.data[0]) !== 0) (data as Float32Array).fill(filling.data[0] as number);
    return { dtype, shape, data };
  });
};

const shape: Fold = (x) => {
  const dims: Shape = x.inputs[0]?.shape ?? x.shape(0);
  const bound = (at: number): number => Math.min(Math.max(at < 0 ? at + dims.length : at, 0), dims.length);
  const part = dims.slice(bound(x.attrs.int('start') ?? 0), bound(x.attrs.int('end') ?? dims.length));
  return Known.entries('int64', [part.length], part);
};

const size: Fold = (x) => Known.entries('int64', [], [toDim(dimProduct(x.inputs[0]?.shape ?? x.shape(0)))]);

const gather: Fold = (x) => {
  const [data, indices] = x.inputs;
  const places = indices?.numbers;
  const entries = small(data);
  if (!data || !entries || !places) return undefined;
  const axis = axisIn(x, x.attrs.int('axis') ?? 0, data.shape.length);
  const extent = data.shape[axis];
  const inner = elementCount(data.shape.slice(axis + 1));
  const out: Dim[] = [];
  for (let o = 0; o < elementCount(data.shape.slice(0, axis)); o++) {
    for (const place of places) {
      const at = place < 0 ? place + extent : place;
      if (!(at >= 0 && at < extent)) throw invalid(x, `index ${place} is out of range for an extent of ${extent}`);
      out.push(...entries.slice((o * extent + at) * inner, (o * extent + at + 1) * inner));
    }
  }
  return Known.entries(data.dtype, data.shape.toSpliced(axis, 1, ...indices.shape), out);
};

const slice: Fold = (x) => {
  const [data] = x.inputs;
  const entries = small(data);
  const bounds = sliceBounds(x.attrs, x.inputs);
  // Shapes are vectors.
  if (!data || !entries || !bounds || data.shape.length !== 1) return undefined;
  const [start] = bounds.starts;
  const [end] = bounds.ends;
  const [step] = bounds.steps ?? [1];
  const extent = entries.length;
  if (bounds.starts.length !== 1 || step === 0) throw invalid(x, 'a vector is sliced once, by steps other than 0');
  const clamp = (v: number, low: number, high: number) => Math.min(Math.max(v < 0 ? v + extent : v, low), high);
  const out: Dim[] = [];
  if (step > 0) for (let i = clamp(start, 0, extent); i < clamp(end, 0, extent); i += step) out.push(entries[i]);
  else for (let i = clamp(start, 0, extent - 1); i > clamp(end, -1, extent - 1); i += step) out.push(entries[i]);
  return Known.entries(data.dtype, [out.length], out);
};

/** Bounds of a Slice, from attributes before opset 10 and inputs since; undefined when they are not known. */
export function sliceBounds(
  attrs: NodeAttributes,
  inputs: readonly (Known | undefined)[],
):
  | { starts: readonly number[]; ends: readonly number[]; axes?: readonly number[]; steps?: readonly number[] }
  | undefined {
  const starts = attrs.ints('starts') ?? inputs[1]?.numbers;
  const ends = attrs.ints('ends') ?? inputs[2]?.numbers;
  const axes = attrs.ints('axes') ?? inputs[3]?.numbers;
  const steps = inputs[4]?.numbers;
  return starts && ends && { starts, ends, ...(axes && { axes }), ...(steps && { steps }) };
}

const concat: Fold = (x) => {
  const parts = x.inputs.map((part) => small(part));
  if (parts.some((part) => !part) || x.inputs.some((part) => part!.shape.length !== 1)) return undefined;
  const all = parts.flatMap((part) => part!);
  return Known.entries(x.inputs[0]!.dtype, [all.length], all);
};

const range: Fold = (x) => {
  const [start, limit, delta] = x.inputs.map((input) => input?.numbers?.[0]);
  if (start === undefined || limit === undefined || !delta) return undefined;
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  if (count > 4096) return undefined;
  return Known.entries(
    x.inputs[0]!.dtype,
    [count],
    Array.from({ length: count }, (_, i) => start + i * delta),
  );
};

const product: Fold = (x) => {
  const entries = small(x.inputs[0]);
  if (!entries || x.inputs[0]!.shape.length > 1) return undefined;
  const keep = (x.attrs.int('keepdims') ?? 1) === 1;
  return Known.entries(x.inputs[0]!.dtype, keep ? x.inputs[0]!.shape.map(() => 1) : [], [toDim(dimProduct(entries))]);
};

const FOLDS: Readonly<Record<string, Fold>> = {
  ...VIEWS,
  ...ARITHMETIC,
  Constant: (x) => constantOf(x.attrs, x.label),
  ConstantOfShape: constantOfShape,
  Shape: shape,
  Size: size,
  Gather: gather,
  Slice: slice,
  Concat: concat,
  Range: range,
  ReduceProd: product,
};
