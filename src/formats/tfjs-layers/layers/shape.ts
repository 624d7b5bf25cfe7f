import type { Json } from '../json.js';
import type { KerasTensor } from '../keras-tensor.js';
import { type LayerChange, type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';
import { image } from './spatial.js';

function flatten(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const rank = input.shape.length;
  const format = layer.fields.choice('data_format', ['channels_last', 'channels_first'], 'channels_last');
  const x = layer.declared(input);
  if (format === 'channels_last' || rank < 3) return layer.emit('Flatten', [x], { axis: 1 }, 'declared');
  // Keras flattens in the order of channels last, whatever the layout.
  const perm = [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1];
  const last = layer.emit('Transpose', [x], { perm }, 'declared');
  return layer.emit('Flatten', [layer.declared(last)], { axis: 1 }, 'declared');
}

function reshape(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const target = layer.fields.ints('target_shape', { min: -1, null: -1 });
  const known = target.filter((d) => d !== -1).reduce((n, d) => n * d, 1);
  const total = (input.shape.slice(1) as number[]).reduce((n, d) => n * d, 1);
  const free = target.filter((d) => d === -1).length;
  if (target.includes(0) || free > 1 || (free === 0 ? known !== total : total % known !== 0)) {
    throw layer.fields.error(`target_shape is [${target}] for an input of shape [${input.shape}]`);
  }
  // 0 copies the batch. The free dimension is written out, since pruning may change it alone.
  const shape = [0, ...target.map((d) => (d === -1 ? total / known : d))];
  return layer.emit('Reshape', [layer.declared(input)], { shape }, 'declared');
}

function patchReshape({ config, outputShape }: LayerChange): void {
  const extents = outputShape.slice(1) as number[];
  config.target_shape = (config.target_shape as Json[]).map((d, i) => (d === -1 || d === null ? d : extents[i]));
}

function permute(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const dims = layer.fields.ints('dims', { min: 1 });
  const rank = input.shape.length;
  if (String([...dims].sort((a, b) => a - b)) !== String(Array.from({ length: rank - 1 }, (_, i) => i + 1))) {
    throw layer.fields.error(`dims is [${dims}]; expected each of 1 to ${rank - 1} once`);
  }
  return layer.emit('Transpose', [layer.declared(input)], { perm: [0, ...dims] }, 'declared');
}

function zeroPadding2d(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const [[top, bottom], [left, right]] = readPadding(layer);
  const { value, layout } = image(input, layer);
  return layer.emit('Pad', [value], { pads: [0, 0, top, left, 0, 0, bottom, right] }, layout);
}

/** `padding` is one number, `[height, width]`, or `[[top, bottom], [left, right]]`. */
function readPadding(layer: LayerLowering): readonly (readonly [number, number])[] {
  const value = layer.fields.get('padding');
  if (!Array.isArray(value) || !value.some(Array.isArray)) {
    return layer.fields.pair('padding', { min: 0, fallback: [1, 1] }).map((p) => [p, p] as const);
  }
  const isPair = (p: unknown): p is [number, number] =>
    Array.isArray(p) && p.length === 2 && p.every((v) => Number.isInteger(v) && v >= 0);
  if (value.length !== 2 || !value.every(isPair)) {
    throw layer.fields.fault('padding', 'a whole number, two, or [[top, bottom], [left, right]]');
  }
  return value as unknown as [number, number][];
}

function dropout(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const rate = layer.fields.number('rate');
  // As TensorFlow.js: a rate out of (0, 1) drops nothing.
  return rate > 0 && rate < 1 ? layer.elementwise('Dropout', input, { ratio: rate }) : input;
}

export const SHAPE_LAYERS: readonly (readonly [string, LayerKind])[] = [
  ['Flatten', unary(flatten)],
  ['Reshape', unary(reshape, patchReshape)],
  ['Permute', unary(permute)],
  ['ZeroPadding2D', unary(zeroPadding2d)],
  ['Dropout', unary(dropout)],
  ['SpatialDropout1D', unary((input) => input)],
  ['SpatialDropout2D', unary((input) => input)],
  ['GaussianNoise', unary((input) => input)],
  ['GaussianDropout', unary((input) => input)],
];
