import type { KerasTensor } from '../keras-tensor.js';
import { type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';
import { AS_IS } from '../weight-layout.js';
import { activate } from './activation.js';

/** Acts on the last declared axis of an input of any rank. */
function dense(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const units = layer.fields.int('units', { min: 1 });
  const { shape } = input;
  if (shape.length < 2) throw layer.fields.error(`its input has shape [${shape}]; rank 2 or more is needed`);
  const kernel = layer.weight('kernel', [shape[shape.length - 1], units], AS_IS, 'parameter');
  const [bias] = layer.bias(units);
  const x = layer.declared(input);
  if (shape.length === 2) {
    return activate(layer.emit('Gemm', bias ? [x, kernel, bias] : [x, kernel], {}, 'declared'), layer);
  }
  const product = layer.emit('MatMul', [x, kernel], {}, 'declared');
  return activate(bias ? layer.emit('Add', [layer.declared(product), bias], {}, 'declared') : product, layer);
}

export const DENSE_LAYERS: readonly (readonly [string, LayerKind])[] = [
  ['Dense', unary(dense, (change) => change.set('units', change.weight('kernel').shape[1]))],
];
