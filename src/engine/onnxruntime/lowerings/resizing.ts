import type { Shape } from '../../../graph/graph.js';
import {
  type ResizeSettings,
  resizedShape,
  resizeScales,
  resizeSettings,
  sampleMatrix,
  wholeRepeats,
} from '../../../graph/ops/resampling.js';
import { originalShape, resizedAxes } from '../../../graph/ops/resize.js';
import { elementCount } from '../../../graph/tensor.js';
import type { LoweringTable, NodeLowering } from '../lowering.js';

/** A shape with 0 for a symbolic batch; undefined where another extent is known only at run time. */
function knownShape(shape: Shape): number[] | undefined {
  const known = shape.map((dim, axis) => (axis === 0 && typeof dim === 'string' ? 0 : dim));
  return known.every((dim) => typeof dim === 'number') ? known : undefined;
}

interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: readonly number[];
}

/** `matrix · value` along one axis of a value of `shape`. */
function alongAxis(x: NodeLowering, value: string, shape: readonly number[], axis: number, m: Matrix): string {
  const weights = x.constant(m.data, [m.rows, m.columns]);
  const inner = elementCount(shape.slice(axis + 1));
  const product =
    inner === 1
      ? x.matMulTransposed(x.reshape(value, [-1, m.columns]), weights)
      : x.op('MatMul', [weights, x.reshape(value, [-1, m.columns, inner])]);
  const result = shape.with(axis, m.rows);
  return x.reshape(product, result[0] === 0 ? result.with(0, -1) : result);
}

function transposed(data: Float64Array, rows: number, columns: number): Matrix {
  const swapped = Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]);
  return { rows: columns, columns: rows, data: swapped };
}

/** A float32 and the next one above (`by` 1) or below (-1) it. */
function nextFloat(value: number, by: 1 | -1): number {
  const bits = new Int32Array(Float32Array.of(value).buffer);
  bits[0] += by;
  return new Float32Array(bits.buffer)[0];
}

/**
 * Scales as onnxruntime comes to the graph's extents with them. It multiplies in float64 when it infers shapes and in
 * float32 when it resizes (3 times the float32 nearest to 7/3 is 6 and 7), so they are taken from the side where both
 * round down to the same. Undefined where neither side is. Extents that aren't known are multiplied in float32 only.
 */
function nativeScales({ node }: NodeLowering, shape: Shape): number[] | undefined {
  const resized = resizedShape(node, shape);
  const scales = resizeScales(node, shape.length).map((scale, axis) => {
    const extent = shape[axis];
    const nearest = Math.fround(scale);
    if (scale === 1 || typeof extent === 'string') return nearest;
    return [nearest, nextFloat(nearest, 1), nextFloat(nearest, -1)].find((s) => {
      return [s * extent, Math.fround(s * extent)].every((to) => Math.floor(to) === resized[axis]);
    });
  });
  return scales.every((scale) => scale !== undefined) ? scales : undefined;
}

/** ONNX's own Resize. Linear planes of one axis are given a second one, which onnxruntime needs. */
function resizeNatively(x: NodeLowering, scales: readonly number[], settings: ResizeSettings): void {
  const { mode, coordinates, nearest } = settings;
  const attrs = { mode, coordinate_transformation_mode: coordinates, nearest_mode: nearest };
  if (mode === 'nearest' || scales.length > 3) {
    x.result('Resize', [x.inputs[0], '', x.floats(scales)], attrs);
    return;
  }
  const plane = x.op('Unsqueeze', [x.inputs[0], x.ints([2])]);
  const resized = x.op('Resize', [plane, '', x.floats(scales.toSpliced(2, 0, 1))], attrs);
  x.result('Squeeze', [resized, x.ints([2])]);
}

/** Whether onnxruntime interpolates along the axes that these scales change. */
function hasNativeLinear(scales: readonly number[] | undefined): scales is readonly number[] {
  return scales !== undefined && scales.length >= 3 && scales.length <= 5 && scales[0] === 1 && scales[1] === 1;
}

/** For each axis how often its elements are repeated; 0 where they aren't just that. */
function repeatsOf(shape: readonly number[], axes: ReturnType<typeof resizedAxes>): number[] {
  const repeats = shape.map(() => 1);
  for (const { axis, samples } of axes) repeats[axis] = wholeRepeats(samples, shape[axis]) ?? 0;
  return repeats;
}

export const RESIZING: LoweringTable = {
  Resize: (x) => {
    const settings = resizeSettings(x.node);
    const given = x.inputSpec(0).shape;
    const scales = nativeScales(x, given);
    const shape = knownShape(given);
    if (!shape) {
      resizeNatively(x, scales ?? resizeScales(x.node, given.length), settings);
      return;
    }
    const axes = resizedAxes(x.node, shape);
    const repeats = repeatsOf(shape, axes);
    if (!repeats.includes(0)) {
      resizeNatively(x, repeats, { mode: 'nearest', coordinates: 'asymmetric', nearest: 'floor' });
    } else if (settings.mode === 'nearest') {
      // Which element is nearest is not left to float32: indices are computed here.
      const picked = axes.reduce((value, { axis, samples }) => {
        return x.op('Gather', [value, x.ints([...samples.first])], { axis });
      }, x.inputs[0]);
      x.result('Identity', [picked]);
    } else if (hasNativeLinear(scales)) {
      resizeNatively(x, scales, settings);
    } else {
      let value = x.inputs[0];
      let extents = shape;
      for (const { axis, samples } of axes) {
        const rows = samples.first.length;
        const data = [...sampleMatrix(samples, shape[axis])];
        value = alongAxis(x, value, extents, axis, { rows, columns: shape[axis], data });
        extents = extents.with(axis, rows);
      }
      x.result('Identity', [value]);
    }
  },

  ResizeGrad: (x) => {
    const resized = knownShape(x.inputSpec(0).shape) ?? [];
    const shape = originalShape(x.node, resized);
    const axes = resizedAxes(x.node, shape);
    const repeats = repeatsOf(shape, axes);
    const window = repeats.slice(2);
    const planes = shape.length >= 3 && shape.length <= 5 && repeats[0] === 1 && repeats[1] === 1;
    if (planes && window.every((times) => times > 0)) {
      const means = x.op('AveragePool', x.inputs, { kernel_shape: window, strides: window });
      x.result('Mul', [means, x.constant([elementCount(window)])]);
      return;
    }
    let value = x.inputs[0];
    let extents = resized;
    for (const { axis, samples } of axes) {
      const rows = samples.first.length;
      const matrix = transposed(sampleMatrix(samples, shape[axis]), rows, shape[axis]);
      value = alongAxis(x, value, extents, axis, matrix);
      extents = extents.with(axis, shape[axis]);
    }
    x.result('Identity', [value]);
  },
};
