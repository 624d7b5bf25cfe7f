import type { Attrs } from '../../../graph/graph.js';
import type { KerasTensor, Layout } from '../keras-tensor.js';
import type { LayerLowering } from '../lowering.js';

type Pair = readonly [number, number];

/** An image as a spatial op reads it: channels at place 1. */
export interface Image {
  readonly value: string;
  readonly layout: Layout;
  readonly channels: number;
  readonly extents: Pair;
}

/** Reads the input of a two-dimensional layer by the layer's `data_format`. */
export function image(input: KerasTensor, layer: LayerLowering): Image {
  const format = layer.fields.choice('data_format', ['channels_last', 'channels_first'], 'channels_last');
  const { shape } = input;
  if (shape.length !== 4) throw layer.fields.error(`its input has shape [${shape}]; an image is of rank 4`);
  const [a, b, c] = shape.slice(1) as number[];
  return format === 'channels_last'
    ? { value: layer.channelsFirst(input), layout: 'channelsFirst', channels: c, extents: [a, b] }
    : { value: layer.declared(input), layout: 'declared', channels: a, extents: [b, c] };
}

export interface Window {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
}

/** Attributes of a window op, with Keras's `valid` and `same` padding as numbers. `same` pads more at the end. */
export function windowAttrs(layer: LayerLowering, extents: Pair, window: Window): Attrs {
  const padding = layer.fields.choice('padding', ['valid', 'same'], 'valid');
  const total = extents.map((extent, i) => {
    if (padding === 'valid') return 0;
    const reach = (window.kernel[i] - 1) * window.dilations[i] + 1;
    return Math.max(0, (Math.ceil(extent / window.strides[i]) - 1) * window.strides[i] + reach - extent);
  });
  const begin = total.map((t) => Math.floor(t / 2));
  const end = total.map((t, i) => t - begin[i]);
  return { strides: window.strides, pads: [...begin, ...end] };
}
