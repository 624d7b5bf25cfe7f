import type { KerasTensor } from '../keras-tensor.js';
import { type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';

type Activation = (t: KerasTensor, layer: LayerLowering) => KerasTensor;

/** Slope of the activation named `leaky_relu` in Keras; the layer has one of its own. */
const LEAKY_SLOPE = 0.2;
/** Slope of the LeakyReLU layer that names none. */
const LEAKY_LAYER_SLOPE = 0.3;

/** What the `activation` of a layer may name. */
const ACTIVATIONS: ReadonlyMap<string, Activation> = new Map<string, Activation>([
  ['linear', (t) => t],
  ['relu', (t, layer) => layer.elementwise('Relu', t)],
  ['relu6', (t, layer) => layer.elementwise('Clip', t, { min: 0, max: 6 })],
  ['leaky_relu', (t, layer) => layer.elementwise('LeakyRelu', t, { alpha: LEAKY_SLOPE })],
  ['sigmoid', (t, layer) => layer.elementwise('Sigmoid', t)],
  ['tanh', (t, layer) => layer.elementwise('Tanh', t)],
  ['softmax', (t, layer) => softmax(t, -1, layer)],
]);

/** Applies the layer's `activation`, which is linear when it names none. */
export function activate(t: KerasTensor, layer: LayerLowering): KerasTensor {
  const name = layer.fields.get('activation') ?? 'linear';
  if (typeof name !== 'string') throw layer.fields.fault('activation', 'the name of an activation');
  const activation = ACTIVATIONS.get(name);
  if (activation) return activation(t, layer);
  throw layer.unsupported(`its activation is ${name}; supported are ${[...ACTIVATIONS.keys()].join(', ')}`);
}

function softmax(t: KerasTensor, axis: number, layer: LayerLowering): KerasTensor {
  const layout = layer.preferredLayout([t]);
  return layer.emit('Softmax', [layer.in(t, layout)], { axis: layer.axis(t, axis, layout) }, layout);
}

function relu(t: KerasTensor, layer: LayerLowering): KerasTensor {
  const { fields } = layer;
  for (const key of ['negative_slope', 'threshold']) {
    if (fields.number(key, 0) !== 0) {
      layer.warn('LAYER_FIELD_IGNORED', `${key} is ${fields.number(key)}; TensorFlow.js computes as if it were 0`);
    }
  }
  if (fields.get('max_value') === undefined) return layer.elementwise('Relu', t);
  return layer.elementwise('Clip', t, { min: 0, max: fields.number('max_value') });
}

function softmaxLayer(t: KerasTensor, layer: LayerLowering): KerasTensor {
  const axis = layer.fields.get('axis');
  // TensorFlow.js's default is axis 1.
  if (Array.isArray(axis) && axis.length === 1 && Number.isInteger(axis[0]))
    return softmax(t, axis[0] as number, layer);
  if (axis !== undefined && !Number.isInteger(axis)) throw layer.fields.fault('axis', 'a whole number');
  return softmax(t, (axis as number | undefined) ?? 1, layer);
}

export const ACTIVATION_LAYERS: readonly (readonly [string, LayerKind])[] = [
  ['Activation', unary(activate)],
  ['ReLU', unary(relu)],
  [
    'LeakyReLU',
    unary((t, layer) => layer.elementwise('LeakyRelu', t, { alpha: layer.fields.number('alpha', LEAKY_LAYER_SLOPE) })),
  ],
  ['Softmax', unary(softmaxLayer)],
];
