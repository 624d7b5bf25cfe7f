import type { Attrs, Dim } from '../../../graph/graph.js';
import type { NodeLowering } from '../lowering.js';
import { lowerOpaque } from '../opaque.js';
import type { OnnxOp, OnnxOpTable } from './onnx-op.js';
import { type ResizeRequest, resizeByMatrices } from './resize-matrix.js';

const PLAIN_COORDINATES = ['half_pixel', 'pytorch_half_pixel', 'asymmetric', 'align_corners'];

function emitResize(n: NodeLowering, request: ResizeRequest): void {
  const { mode, coordinates, nearest, antialias, scales, sizes } = request;
  const shape = n.shape(0);
  const simple = PLAIN_COORDINATES.includes(coordinates) && (mode === 'nearest' || mode === 'linear');
  const roundsSo = shape.every((d, i) => typeof d === 'string' || Math.floor(Math.fround(d * scales[i])) === sizes[i]);
  // A filter only widens where planes shrink.
  const shrinks = antialias && scales.some((s) => s < 1);
  if (simple && roundsSo && !shrinks) {
    const attrs: Attrs = { scales, mode, coordinate_transformation_mode: coordinates, nearest_mode: nearest };
    n.result(n.emit('Resize', [n.value(0)], attrs));
  } else n.result(resizeByMatrices(n, request));
}

const extentOf = (d: Dim): number => (typeof d === 'number' ? d : 1);

/** Sizes that are a bound keep the planes' proportions. */
function boundedSizes(
  n: NodeLowering,
  extents: readonly Dim[],
  wanted: readonly number[],
  axes: readonly number[],
): { scale: number; sizes: number[] } | undefined {
  const policy = n.attrs.string('keep_aspect_ratio_policy') ?? 'stretch';
  if (policy === 'stretch') return undefined;
  const ratios = axes.map((axis, i) => wanted[i] / extentOf(extents[axis]));
  const scale = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  return { scale, sizes: axes.map((axis) => Math.round(scale * extentOf(extents[axis]))) };
}

const resize: OnnxOp = {
  lower(n) {
    const shape = n.shape(0);
    const rank = shape.length;
    const axes = (n.attrs.ints('axes') ?? shape.map((_, i) => i)).map((axis) => n.axis(axis, rank));
    const old = n.opset < 11;
    const scalesInput = n.known(old ? 1 : 2);
    const sizesInput = old ? undefined : n.known(3);
    const given = sizesInput?.size ? sizesInput.entries : scalesInput?.size ? scalesInput.entries : undefined;
    if (!given || given.length !== axes.length) return lowerOpaque(n, 'its sizes are computed as it runs');
    const bySize = Boolean(sizesInput?.size);
    const scales = new Array<number>(rank).fill(1);
    const sizes: Dim[] = [...shape];
    const wanted = bySize
      ? given.map((d, i) => (d === shape[axes[i]] || isBatch(n, shape[axes[i]], d) ? shape[axes[i]] : d))
      : given;
    const bounded =
      bySize && wanted.every((d) => typeof d === 'number') ? boundedSizes(n, shape, wanted, axes) : undefined;
    axes.forEach((axis, i) => {
      const [from, to] = [shape[axis], wanted[i]];
      if (bySize) {
        if (to === from) return;
        if (typeof to !== 'number' || typeof from !== 'number') throw n.unsupported(`it resizes ${from} to ${to}`);
        sizes[axis] = bounded ? bounded.sizes[i] : to;
        scales[axis] = bounded ? bounded.scale : to / from;
      } else {
        scales[axis] = Number(to);
        if (typeof from === 'number') sizes[axis] = Math.floor(Math.fround(from * scales[axis]));
        else if (scales[axis] !== 1) sizes[axis] = `resized(${from} ${scales[axis]})`;
      }
    });
    const coordinates = old ? 'asymmetric' : (n.attrs.string('coordinate_transformation_mode') ?? 'half_pixel');
    const region = coordinates === 'tf_crop_and_resize' ? regionOf(n, axes, rank) : undefined;
    emitResize(n, {
      mode: n.attrs.string('mode') ?? 'nearest',
      coordinates,
      nearest: old ? 'floor' : (n.attrs.string('nearest_mode') ?? 'round_prefer_floor'),
      antialias: n.attrs.int('antialias') === 1,
      excludeOutside: n.attrs.int('exclude_outside') === 1,
      cubicCoefficient: n.attrs.float('cubic_coeff_a') ?? -0.75,
      extrapolation: n.attrs.float('extrapolation_value') ?? 0,
      region,
      scales,
      sizes,
    });
  },
  patch(p) {
    if (p.opset < 11 || (p.node.input[3] ?? '') === '') return;
    const [before, after] = [p.outputBefore(0), p.outputAfter(0)];
    const axes = p.list('axes', -1) ?? before.map((_, i) => i);
    p.setExtents(3, (entry, i) => {
      const axis = Number(axes[i]) < 0 ? Number(axes[i]) + before.length : Number(axes[i]);
      return before[axis] === after[axis] ? entry : after[axis];
    });
  },
};

const isBatch = (n: NodeLowering, from: Dim, to: Dim): boolean =>
  typeof from === 'string' && n.batch.open && to === n.batch.extent;

function regionOf(n: NodeLowering, axes: readonly number[], rank: number): (readonly [number, number])[] {
  const roi = n.numbers(1, 'region');
  return Array.from({ length: rank }, (_, axis) => {
    const at = axes.indexOf(axis);
    return at < 0 ? [0, 1] : [roi[at], roi[axes.length + at]];
  });
}

/** Scales are an attribute in opset 7, an input since 9. */
const upsample: OnnxOp = {
  lower(n) {
    const scales = n.attrs.floats('scales') ?? n.known(1)?.numbers;
    const shape = n.shape(0);
    if (!scales || scales.length !== shape.length) return lowerOpaque(n, 'its scales are computed as it runs');
    const mode = n.attrs.string('mode') ?? 'nearest';
    const attrs = { scales, mode, coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
    n.result(n.emit('Resize', [n.value(0)], attrs));
  },
};

export const RESIZES: OnnxOpTable = { Resize: resize, Upsample: upsample };
