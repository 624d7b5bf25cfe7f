import type { KerasTensor } from '../keras-tensor.js';
import { type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';
import { image, windowAttrs } from './spatial.js';

function pool2d(op: string): LayerKind {
  return unary((input, layer) => {
    const kernel = layer.fields.pair('pool_size', { min: 1, fallback: [2, 2] });
    const strides = layer.fields.pair('strides', { min: 1, fallback: kernel });
    const { value, layout, extents } = image(input, layer);
    const attrs = windowAttrs(layer, extents, { kernel, strides, dilations: [1, 1] });
    return layer.emit(op, [value], { ...attrs, kernel_shape: kernel }, layout);
  });
}

function globalPool2d(op: string): LayerKind {
  return unary((input: KerasTensor, layer: LayerLowering) => {
    const { value, layout } = image(input, layer);
    const pooled = layer.emit(op, [value], {}, layout);
    if (layer.fields.bool('keepdims', false)) return pooled;
    return layer.emit('Flatten', [layer.in(pooled, layout)], { axis: 1 }, 'declared');
  });
}

export const POOLING_LAYERS: readonly (readonly [string, LayerKind])[] = [
  ['MaxPooling2D', pool2d('MaxPool')],
  ['AveragePooling2D', pool2d('AveragePool')],
  ['GlobalAveragePooling2D', globalPool2d('GlobalAveragePool')],
  ['GlobalMaxPooling2D', globalPool2d('GlobalMaxPool')],
];
