import { type LayerKind, unary } from '../layer-kind.js';
import { KERNEL } from '../weight-layout.js';
import { activate } from './activation.js';
import { biasWeight } from './kernel.js';
import { featureMap } from './spatial.js';

/** Fields that TensorFlow.js doesn't look at, with the value that changes nothing. */
const UNUSED = { dilation_rate: 1, output_padding: undefined };

function convTranspose(axes: number): LayerKind {
  return unary(
    (input, layer) => {
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
      const { value, layout, channels } = featureMap(input, layer, axes);
      const weight = layer.weight('kernel', [...kernel, filters, channels], KERNEL, 'parameter');
      // `same` gives extent · stride; `valid` what the kernel reaches beyond too, but never less.
      const total = kernel.map((k, i) => (padding === 'same' ? Math.max(0, k - strides[i]) : 0));
      if (axes === 3 && padding === 'same' && kernel.some((k, i) => k < strides[i])) {
        layer.warn(
          'BACKEND_DIFFERS',
          'its stride is above its kernel size, where TensorFlow.js begins elsewhere than Keras',
        );
      }
      const begin = total.map((t) => Math.floor(t / 2));
      const attrs = {
        strides,
        pads: [...begin, ...total.map((t, i) => t - begin[i])],
        output_padding: kernel.map((k, i) => Math.max(0, strides[i] - k)),
      };
      return activate(
        layer.emit('ConvTranspose', [value, weight, ...biasWeight(layer, filters)], attrs, layout),
        layer,
      );
    },
    (change) => change.set('filters', change.weight('kernel').shape[1]),
  );
}

export const CONV_TRANSPOSE_LAYERS: readonly (readonly [string, LayerKind])[] = [1, 2, 3].map(
  (axes) => [`Conv${axes}DTranspose`, convTranspose(axes)] as const,
);
