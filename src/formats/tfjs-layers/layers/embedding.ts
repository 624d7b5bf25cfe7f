import type { KerasTensor } from '../keras-tensor.js';
import { type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';
import { AS_IS } from '../weight-layout.js';

/** A row of the weight for each number of the input, which the model is fed as float32. */
function embedding(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const rows = layer.fields.int('input_dim', { min: 1 });
  const width = layer.fields.int('output_dim', { min: 1 });
  if (layer.fields.bool('mask_zero', false)) throw layer.unsupported('mask_zero is true; masks are not supported');
  const table = layer.weight('embeddings', [rows, width], AS_IS, 'parameter');
  const indices = layer.emit('Cast', [layer.declared(input)], { to: 'int64' }, 'declared');
  return layer.emit('Gather', [table, layer.declared(indices)], { axis: 0 }, 'declared');
}

export const EMBEDDING_LAYERS: readonly (readonly [string, LayerKind])[] = [
  [
    'Embedding',
    unary(embedding, (change) => {
      change.set('output_dim', change.weight('embeddings').shape[1]);
    }),
  ],
];
