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
  const dims = shape.slice(1) as number[];
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

/**
 * Attributes of a window op, with Keras's paddings as numbers: `same` pads more at the end, `causal` (of one-dimensional
 * convolutions) at the start alone.
 */
export function windowAttrs(
  layer: LayerLowering,
  extents: readonly number[],
  window: Window,
  paddings: readonly ('valid' | 'same' | 'causal')[] = PADDINGS,
): Attrs {
  const padding = layer.fields.choice('padding', paddings, 'valid');
  const reach = window.kernel.map((k, i) => (k - 1) * window.dilations[i] + 1);
  const total = extents.map((extent, i) => {
    if (padding === 'valid') return 0;
    if (padding === 'causal') return reach[i] - 1;
    return Math.max(0, (Math.ceil(extent / window.strides[i]) - 1) * window.strides[i] + reach[i] - extent);
  });
  const begin = total.map((t) => (padding === 'causal' ? t : Math.floor(t / 2)));
  const end = total.map((t, i) => t - begin[i]);
  return { strides: [...window.strides], pads: [...begin, ...end] };
}
