import { getExtent, getExtents } from '../../../graph/dims.js';
import { elementCount } from '../../../graph/tensor.js';
import type { Json } from '../json.js';
import type { KerasTensor } from '../keras-tensor.js';
import { type LayerChange, type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';

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
  const total = elementCount(getExtents(input.shape.slice(1)));
  const free = target.filter((d) => d === -1).length;
  if (target.includes(0) || free > 1 || (free === 0 ? known !== total : total % known !== 0)) {
    throw layer.fields.error(`target_shape is [${target}] for an input of shape [${input.shape}]`);
  }
  // 0 copies the batch. The free dimension is written out, since pruning may change it alone.
  const shape = [0, ...target.map((d) => (d === -1 ? total / known : d))];
  return layer.emit('Reshape', [layer.declared(input)], { shape }, 'declared');
}

function patchReshape({ get, set, outputShape }: LayerChange): void {
  const extents = outputShape.slice(1);
  set(
    'target_shape',
    (get('target_shape') as Json[]).map((d, i) => (d === -1 || d === null ? d : extents[i])),
  );
}

function permute(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const dims = layer.fields.ints('dims', { min: 1 });
  const rank = input.shape.length;
  if (String([...dims].sort((a, b) => a - b)) !== String(Array.from({ length: rank - 1 }, (_, i) => i + 1))) {
    throw layer.fields.error(`dims is [${dims}]; expected each of 1 to ${rank - 1} once`);
  }
  return layer.emit('Transpose', [layer.declared(input)], { perm: [0, ...dims] }, 'declared');
}

function repeatVector(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const times = layer.fields.int('n', { min: 1 });
  if (input.shape.length !== 2) throw layer.fields.error(`its input has shape [${input.shape}]; it repeats a vector`);
  const row = layer.emit('Reshape', [layer.declared(input)], { shape: [0, 1, getExtent(input.shape, 1)] }, 'declared');
  return layer.emit('Tile', [layer.declared(row)], { repeats: [1, times, 1] }, 'declared');
}

export const SHAPE_LAYERS: readonly (readonly [string, LayerKind])[] = [
  ['Flatten', unary(flatten)],
  ['Reshape', unary(reshape, patchReshape)],
  ['Permute', unary(permute)],
  ['RepeatVector', unary(repeatVector)],
];
