import type { KerasTensor } from '../keras-tensor.js';
import type { LayerKind } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';

const MANY = Number.POSITIVE_INFINITY;

function add(inputs: readonly KerasTensor[], layer: LayerLowering): KerasTensor {
  checkRanks(inputs, layer);
  const layout = layer.preferredLayout(inputs);
  return inputs
    .slice(1)
    .reduce((sum, t) => layer.emit('Add', [layer.in(sum, layout), layer.in(t, layout)], {}, layout), inputs[0]);
}

function concatenate(inputs: readonly KerasTensor[], layer: LayerLowering): KerasTensor {
  checkRanks(inputs, layer);
  const declared = layer.fields.get('axis') ?? -1;
  if (typeof declared !== 'number' || !Number.isInteger(declared)) throw layer.fields.fault('axis', 'a whole number');
  const layout = layer.preferredLayout(inputs);
  const axis = layer.axis(inputs[0], declared, layout);
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
  ['Add', { inputs: [2, MANY], lower: add }],
  ['Concatenate', { inputs: [2, MANY], lower: concatenate }],
];
