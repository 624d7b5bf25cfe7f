import type { KerasTensor } from '../keras-tensor.js';
import type { LayerLowering } from '../lowering.js';

/** Normalises along one declared axis; negative ones count from the end. */
export function softmax(op: 'Softmax' | 'LogSoftmax', t: KerasTensor, axis: number, layer: LayerLowering): KerasTensor {
  const layout = layer.preferredLayout([t]);
  return layer.emit(op, [layer.in(t, layout)], { axis: layer.axis(t, axis, layout) }, layout);
}
