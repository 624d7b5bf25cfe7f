import type { Json } from '../json.js';
import type { KerasTensor } from '../keras-tensor.js';
import { type LayerChange, type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';
import { AS_IS } from '../weight-layout.js';

/** What Keras adds to nothing: no feature is divided by less. */
const LEAST_DEVIATION = 1e-7;

/** `x · scale + offset`; both are numbers, or lists of one for each channel. */
function rescaling(t: KerasTensor, layer: LayerLowering): KerasTensor {
  const scaled = perChannel('Mul', t, numbers(t, layer, 'scale'), 'scale', layer);
  const offset = layer.fields.get('offset') ?? 0;
  return offset === 0 ? scaled : perChannel('Add', scaled, numbers(t, layer, 'offset'), 'offset', layer);
}

function numbers(t: KerasTensor, layer: LayerLowering, key: string): number[] {
  const value = layer.fields.get(key);
  const list = Array.isArray(value) ? value : [value];
  const channels = t.shape[t.shape.length - 1];
  const fits = list.length === 1 || list.length === channels;
  if (fits && list.every((v): v is number => typeof v === 'number' && Number.isFinite(v))) return list;
  throw layer.fields.fault(key, `a number, or ${channels}`);
}

/** The channels stand last where a list has one number for each. */
function perChannel(
  op: string,
  t: KerasTensor,
  values: readonly number[],
  name: string,
  layer: LayerLowering,
): KerasTensor {
  const layout = values.length === 1 ? layer.preferredLayout([t]) : 'declared';
  const literal = layer.literal(name, values.length === 1 ? [] : [values.length], values);
  return layer.emit(op, [layer.in(t, layout), literal], {}, layout);
}

/** Lists lose the numbers of channels that are gone. */
function patchRescaling({ get, set, weight }: LayerChange): void {
  for (const key of ['scale', 'offset']) {
    const value = get(key);
    if (Array.isArray(value) && value.length > 1) set(key, Array.from(weight(key).data as Float32Array) as Json[]);
  }
}

/** By a mean and a variance for each channel, from the weights. */
function normalization(t: KerasTensor, layer: LayerLowering): KerasTensor {
  const { fields } = layer;
  const rank = t.shape.length;
  const axis = fields.get('axis') ?? -1;
  const last = Array.isArray(axis) && axis.length === 1 ? axis[0] : axis;
  if ((last !== -1 && last !== rank - 1) || fields.get('mean') !== undefined || fields.bool('invert', false)) {
    throw layer.unsupported('supported is a normalisation of the last axis by weights');
  }
  const shape = [t.shape[rank - 1]];
  const mean = layer.weight('mean', shape, AS_IS, 'literal');
  const variance = layer.weight('variance', shape, AS_IS, 'literal');
  const step = (op: string, ...inputs: string[]): string => layer.declared(layer.emit(op, inputs, {}, 'declared'));
  const deviation = step('Max', step('Sqrt', variance), layer.filled('least', [], LEAST_DEVIATION));
  return layer.emit('Div', [step('Sub', layer.declared(t), mean), deviation], {}, 'declared');
}

export const PREPROCESSING_LAYERS: readonly (readonly [string, LayerKind])[] = [
  ['Rescaling', unary(rescaling, patchRescaling)],
  ['Normalization', unary(normalization)],
];
