import type { KerasTensor } from '../keras-tensor.js';
import { type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';
import { featureMap, windowed } from './spatial.js';

function pool(op: string, axes: number): LayerKind {
  return unary((input, layer) => {
    const kernel = layer.fields.tuple('pool_size', axes, { min: 1, fallback: 2 });
    const strides = layer.fields.tuple('strides', axes, { min: 1, fallback: kernel });
    const map = featureMap(input, layer, axes);
    const { value, attrs } = windowed(map, layer, { kernel, strides, dilations: kernel.map(() => 1) });
    return layer.emit(op, [value], { ...attrs, kernel_shape: kernel }, map.layout);
  });
}

function globalPool(op: string, axes: number): LayerKind {
  return unary((input: KerasTensor, layer: LayerLowering) => {
    const { value, layout } = featureMap(input, layer, axes);
    const pooled = layer.emit(op, [value], {}, layout);
    if (!layer.fields.bool('keepdims', false)) {
      return layer.emit('Flatten', [layer.in(pooled, layout)], { axis: 1 }, 'declared');
    }
    layer.warn('BACKEND_DIFFERS', 'keepdims is true, which TensorFlow.js ignores');
    return pooled;
  });
}

export const POOLING_LAYERS: readonly (readonly [string, LayerKind])[] = [1, 2, 3].flatMap((axes) => [
  [`MaxPooling${axes}D`, pool('MaxPool', axes)] as const,
  [`AveragePooling${axes}D`, pool('AveragePool', axes)] as const,
  [`GlobalAveragePooling${axes}D`, globalPool('GlobalAveragePool', axes)] as const,
  [`GlobalMaxPooling${axes}D`, globalPool('GlobalMaxPool', axes)] as const,
]);
