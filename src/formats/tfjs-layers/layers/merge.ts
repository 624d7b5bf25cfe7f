import { getExtents } from '../../../graph/dims.js';
import type { KerasTensor, Layout } from '../keras-tensor.js';
import type { LayerKind } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';

const MANY = Number.POSITIVE_INFINITY;

/** A layer that folds its inputs, element by element, with a binary op. */
function fold(op: string, most = MANY): LayerKind {
  return { inputs: [2, most], lower: (inputs, layer) => foldWith(op, inputs, layer) };
}

function foldWith(op: string, inputs: readonly KerasTensor[], layer: LayerLowering): KerasTensor {
  const layout = layer.preferredLayout(inputs);
  const rank = Math.max(...inputs.map((t) => t.shape.length));
  const [first, ...others] = inputs.map((t) => ofRank(t, rank, layout, layer));
  return others.reduce((sum, t) => layer.emit(op, [layer.in(sum, layout), layer.in(t, layout)], {}, layout), first);
}

/** As Keras's merge layers: an input of lower rank gets axes of extent 1 after the batch. */
function ofRank(t: KerasTensor, rank: number, layout: Layout, layer: LayerLowering): KerasTensor {
  if (t.shape.length === rank) return t;
  const ones = Array.from({ length: rank - t.shape.length }, () => 1);
  const dims = getExtents(t.shape.slice(1));
  const channels = dims[dims.length - 1];
  const shape =
    layout === 'declared' ? [0, ...ones, ...dims] : [0, channels, ...ones, ...dims.slice(0, dims.length - 1)];
  return layer.emit('Reshape', [layer.in(t, layout)], { shape }, layout);
}

function average(inputs: readonly KerasTensor[], layer: LayerLowering): KerasTensor {
  const sum = foldWith('Add', inputs, layer);
  const layout = layer.preferredLayout([sum]);
  return layer.emit('Mul', [layer.in(sum, layout), layer.filled('share', [], 1 / inputs.length)], {}, layout);
}

function concatenate(inputs: readonly KerasTensor[], layer: LayerLowering): KerasTensor {
  checkRanks(inputs, layer);
  const declared = layer.fields.get('axis') ?? -1;
  if (typeof declared !== 'number' || !Number.isInteger(declared)) throw layer.fields.fault('axis', 'a whole number');
  const layout = layer.preferredLayout(inputs);
  const axis = layer.axis(inputs[0], declared, layout);
  if (declared < -1) {
    layer.warn(
      'BACKEND_DIFFERS',
      `axis is ${declared}; TensorFlow.js concatenates along the last axis for every negative one`,
    );
  }
  return layer.emit(
    'Concat',
    inputs.map((t) => layer.in(t, layout)),
    { axis },
    layout,
  );
}

function checkRanks(inputs: readonly KerasTensor[], layer: LayerLowering): void {
  if (inputs.every((t) => t.shape.length === inputs[0].shape.length)) return;
  throw layer.unsupported(`its inputs have shapes ${inputs.map((t) => `[${t.shape}]`).join(', ')}, of different ranks`);
}

export const MERGE_LAYERS: readonly (readonly [string, LayerKind])[] = [
  ['Add', fold('Add')],
  ['Subtract', fold('Sub', 2)],
  ['Multiply', fold('Mul')],
  ['Minimum', fold('Min')],
  ['Maximum', fold('Max')],
  ['Average', { inputs: [2, MANY], lower: average }],
  ['Concatenate', { inputs: [2, MANY], lower: concatenate }],
];
