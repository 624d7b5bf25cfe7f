import { getExtents } from '../../../graph/dims.js';
import type { Attrs } from '../../../graph/graph.js';
import type { KerasTensor, Layout } from '../keras-tensor.js';
import type { LayerLowering } from '../lowering.js';

/** A feature map as a spatial op reads it: channels at place 1. */
export interface FeatureMap {
  readonly value: string;
  readonly layout: Layout;
  readonly channels: number;
  /** Length; height and width; or depth, height and width. */
  readonly extents: readonly number[];
}

/** Reads the input of a layer of `axes` spatial axes by the layer's `data_format`. */
export function featureMap(input: KerasTensor, layer: LayerLowering, axes: number): FeatureMap {
  const format = layer.fields.choice('data_format', ['channels_last', 'channels_first'], 'channels_last');
  const { shape } = input;
  if (shape.length !== axes + 2) {
    throw layer.fields.error(`its input has shape [${shape}]; a ${axes}-dimensional layer reads rank ${axes + 2}`);
  }
  const dims = getExtents(shape.slice(1));
  if (format === 'channels_last') {
    const value = layer.channelsFirst(input);
    return { value, layout: 'channelsFirst', channels: dims[axes], extents: dims.slice(0, axes) };
  }
  if (axes === 1) layer.warn('BACKEND_DIFFERS', 'data_format is channels_first, which TensorFlow.js ignores in 1D');
  return { value: layer.declared(input), layout: 'declared', channels: dims[0], extents: dims.slice(1) };
}

export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
}

const PADDINGS = ['valid', 'same'] as const;

/** What a window op reads, and its attributes. */
export interface Windowed {
  readonly value: string;
  readonly attrs: Attrs;
}

/**
 * Keras's paddings as numbers: `same` pads more at the end, `causal` (of one-dimensional convolutions) at the start alone.
 * Where strides leave gaps between the windows, `same` in three dimensions pads less than nothing in TensorFlow.js: the
 * first window begins later.
 */
export function windowed(
  map: FeatureMap,
  layer: LayerLowering,
  window: Window,
  paddings: readonly ('valid' | 'same' | 'causal')[] = PADDINGS,
): Windowed {
  const padding = layer.fields.choice('padding', paddings, 'valid');
  const least = map.extents.length === 3 ? Number.NEGATIVE_INFINITY : 0;
  const reach = window.kernel.map((k, i) => (k - 1) * window.dilations[i] + 1);
  const total = map.extents.map((extent, i) => {
    if (padding === 'valid') return 0;
    if (padding === 'causal') return reach[i] - 1;
    return Math.max(least, (Math.ceil(extent / window.strides[i]) - 1) * window.strides[i] + reach[i] - extent);
  });
  const begin = total.map((t) => (padding === 'causal' ? t : Math.floor(t / 2)));
  const end = total.map((t, i) => t - begin[i]);
  const pads = [...begin, ...end].map((p) => Math.max(0, p));
  const attrs = { strides: [...window.strides], pads };
  if (total.every((t) => t >= 0)) return { value: map.value, attrs };
  layer.warn(
    'BACKEND_DIFFERS',
    'its strides leave gaps between the windows: computed as TensorFlow.js does, whose first window is not where that of Keras is',
  );
  const crop = [begin, end].flatMap((side) => [0, 0, ...side.map((p) => (p < 0 ? p : 0))]);
  const cropped = layer.emit('Pad', [map.value], { pads: crop }, map.layout);
  return { value: layer.in(cropped, map.layout), attrs };
}
