import type { Attrs } from '../../../graph/graph.js';
import { KERAS1_TRANSPOSED } from '../dialects/keras1.js';
import { type LayerChange, type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';
import { KERNEL } from '../weight-layout.js';
import { activate } from './activation.js';
import { type FeatureMap, featureMap } from './spatial.js';

/** Fields that TensorFlow.js doesn't look at, with the value that changes nothing. */
const UNUSED = { dilation_rate: 1, output_padding: undefined };

function convTranspose(axes: number): LayerKind {
  return unary((input, layer) => {
    const { fields } = layer;
    const filters = fields.int('filters', { min: 1 });
    const kernel = fields.tuple('kernel_size', axes, { min: 1 });
    const strides = fields.tuple('strides', axes, { min: 1, fallback: 1 });
    const padding = fields.choice('padding', ['valid', 'same'], 'valid');
    for (const [key, usual] of Object.entries(UNUSED)) {
      if (fields.get(key) === undefined) continue;
      if (fields.tuple(key, axes, { min: 0 }).every((v) => v === usual)) continue;
      layer.warn('LAYER_FIELD_IGNORED', `${key} is given; TensorFlow.js computes as if it were not`);
    }
    const map = featureMap(input, layer, axes);
    const weight = transposedKernel(layer, kernel, filters, map.channels);
    if (axes === 3 && padding === 'same' && kernel.some((k, i) => k < strides[i])) {
      layer.warn(
        'BACKEND_DIFFERS',
        'its stride is above its kernel size, where TensorFlow.js begins elsewhere than Keras',
      );
    }
    const attrs = { strides, ...outputPads(layer, map, { kernel, strides, padding }) };
    return activate(layer.emit('ConvTranspose', [map.value, weight, ...layer.bias(filters)], attrs, map.layout), layer);
  }, patchConvTranspose);
}

/** The constant of a kernel `[channels, filters, …extents]`. */
function transposedKernel(layer: LayerLowering, extents: readonly number[], filters: number, channels: number): string {
  if (layer.layer.dialect !== 'keras1') {
    return layer.weight('kernel', [...extents, filters, channels], KERNEL, 'parameter');
  }
  const format = dataFormat(layer);
  const shape = format === 'channels_first' ? [filters, channels, ...extents] : [...extents, channels, filters];
  return layer.weight('kernel', shape, KERAS1_TRANSPOSED[format], 'parameter');
}

interface TransposedWindow {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly padding: 'valid' | 'same';
}

/**
 * `same` gives extent · stride; `valid` what the kernel reaches beyond too, but never less. Keras 1 names the extents,
 * since a stride makes one input of several.
 */
function outputPads(
  layer: LayerLowering,
  { extents }: FeatureMap,
  { kernel, strides, padding }: TransposedWindow,
): Attrs {
  const reach = extents.map((extent, i) => (extent - 1) * strides[i] + kernel[i]);
  const usual = extents.map((extent, i) =>
    padding === 'same' ? extent * strides[i] : reach[i] + Math.max(0, strides[i] - kernel[i]),
  );
  const output = namedExtents(layer, extents.length) ?? usual;
  const isMade = output.every((o, i) => {
    const least = padding === 'same' ? (extents[i] - 1) * strides[i] + 1 : reach[i];
    return o >= least && o < least + strides[i];
  });
  if (!isMade) {
    throw layer.fields.fault(
      'output_shape',
      `extents that strides [${strides}] make [${extents}] of, such as [${usual}]`,
    );
  }
  const total = output.map((o, i) => Math.max(0, reach[i] - o));
  const begin = total.map((t) => Math.floor(t / 2));
  return {
    pads: [...begin, ...total.map((t, i) => t - begin[i])],
    output_padding: output.map((o, i) => Math.max(0, o - reach[i])),
  };
}

/** The spatial part of Keras 1's `output_shape`. */
function namedExtents(layer: LayerLowering, axes: number): number[] | undefined {
  if (layer.layer.dialect !== 'keras1' || layer.fields.get('output_shape') === undefined) return undefined;
  // The batch may be open, and so are extents in files of some backends.
  const shape = layer.fields.ints('output_shape', { min: 0, null: 0 });
  const from = dataFormat(layer) === 'channels_first' ? 2 : 1;
  const extents = shape.slice(from, from + axes);
  if (shape.length !== axes + 2) throw layer.fields.fault('output_shape', `${axes + 2} numbers, the batch first`);
  return extents.every((extent) => extent > 0) ? extents : undefined;
}

function dataFormat(layer: LayerLowering): 'channels_first' | 'channels_last' {
  return layer.fields.choice('data_format', ['channels_last', 'channels_first'], 'channels_last');
}

function patchConvTranspose({ get, set, weight }: LayerChange): void {
  const filters = weight('kernel').shape[1];
  set('filters', filters);
  const shape = get('output_shape');
  if (Array.isArray(shape)) set('output_shape', shape.with(get('data_format') === 'channels_first' ? 1 : -1, filters));
}

export const CONV_TRANSPOSE_LAYERS: readonly (readonly [string, LayerKind])[] = [1, 2, 3].map(
  (axes) => [`Conv${axes}DTranspose`, convTranspose(axes)] as const,
);
