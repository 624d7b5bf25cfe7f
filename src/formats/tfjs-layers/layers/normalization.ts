import { show } from '../json.js';
import type { KerasTensor } from '../keras-tensor.js';
import { type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';
import { AS_IS } from '../weight-layout.js';

function batchNormalization(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const { fields } = layer;
  const rank = input.shape.length;
  const mode = fields.get('mode') ?? 0;
  if (mode !== 0) throw layer.unsupported(`its mode is ${show(mode)}; of those of Keras 1, 0 is supported`);
  const axis = normalizedAxis(layer, rank);
  // The last axis is at place 1 channels-first; axis 1 is there as declared.
  const layout = axis === rank - 1 ? 'channelsFirst' : 'declared';
  if (axis !== 1 && axis !== rank - 1) throw layer.unsupported(`it normalises axis ${axis} of rank ${rank}`);
  if (axis !== rank - 1) {
    layer.warn(
      'BACKEND_DIFFERS',
      `it normalises axis 1 of ${rank}, which the CPU and WASM backends of TensorFlow.js get wrong`,
    );
  }
  const channels = input.shape[axis] as number;
  const scale = fields.bool('scale', true)
    ? layer.weight('gamma', [channels], AS_IS, 'parameter')
    : layer.filled('gamma', [channels], 1);
  const center = fields.bool('center', true)
    ? layer.weight('beta', [channels], AS_IS, 'parameter')
    : layer.filled('beta', [channels], 0);
  const mean = layer.weight('moving_mean', [channels], AS_IS, 'statistic');
  const variance = layer.weight('moving_variance', [channels], AS_IS, 'statistic');
  const attrs = { epsilon: fields.number('epsilon', 1e-3), momentum: fields.number('momentum', 0.99) };
  return layer.emit('BatchNormalization', [layer.in(input, layout), scale, center, mean, variance], attrs, layout);
}

function normalizedAxis(layer: LayerLowering, rank: number): number {
  const value = layer.fields.get('axis') ?? -1;
  const axis = Array.isArray(value) && value.length === 1 ? value[0] : value;
  if (typeof axis !== 'number' || !Number.isInteger(axis)) throw layer.fields.fault('axis', 'a whole number');
  return axis < 0 ? axis + rank : axis;
}

export const NORMALIZATION_LAYERS: readonly (readonly [string, LayerKind])[] = [
  ['BatchNormalization', unary(batchNormalization)],
];
