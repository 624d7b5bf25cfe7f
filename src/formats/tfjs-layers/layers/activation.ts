import type { Attrs } from '../../../graph/graph.js';
import { isObject, type Json, own, show } from '../json.js';
import type { KerasTensor } from '../keras-tensor.js';
import { type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';
import { ADVANCED_ACTIVATIONS } from './advanced-activation.js';
import { softmax } from './softmax.js';

type Activation = (t: KerasTensor, layer: LayerLowering) => KerasTensor;

/** Slope of the activation named `leaky_relu` in Keras; the layer has one of its own. */
const LEAKY_SLOPE = 0.2;

const op =
  (name: string, attrs: Attrs = {}): Activation =>
  (t, layer) =>
    layer.elementwise(name, t, attrs);

function swish(t: KerasTensor, layer: LayerLowering): KerasTensor {
  const layout = layer.preferredLayout([t]);
  const gate = layer.emit('Sigmoid', [layer.in(t, layout)], {}, layout);
  return layer.emit('Mul', [layer.in(t, layout), layer.in(gate, layout)], {}, layout);
}

/**
 * What the `activation` of a layer may name, as Keras writes it. Where TensorFlow.js computes another function than today's
 * Keras under the same name (`hard_sigmoid`), it is that of TensorFlow.js.
 */
const ACTIVATIONS: ReadonlyMap<string, Activation> = new Map<string, Activation>([
  ['linear', (t) => t],
  ['relu', op('Relu')],
  ['relu6', op('Clip', { min: 0, max: 6 })],
  ['leaky_relu', op('LeakyRelu', { alpha: LEAKY_SLOPE })],
  ['elu', op('Elu')],
  ['selu', op('Selu')],
  ['gelu', op('Gelu')],
  ['gelu_new', op('Gelu', { approximate: 'tanh' })],
  ['sigmoid', op('Sigmoid')],
  ['hard_sigmoid', op('HardSigmoid', { alpha: 0.2, beta: 0.5 })],
  ['tanh', op('Tanh')],
  ['softplus', op('Softplus')],
  ['softsign', op('Softsign')],
  ['exponential', op('Exp')],
  ['swish', swish],
  ['silu', swish],
  ['hard_swish', op('HardSwish')],
  ['hard_silu', op('HardSwish')],
  ['mish', op('Mish')],
  ['softmax', (t, layer) => softmax('Softmax', t, -1, layer)],
  ['log_softmax', (t, layer) => softmax('LogSoftmax', t, -1, layer)],
]);

/** Applies the layer's `activation`, which is linear when it names none. */
export function activate(t: KerasTensor, layer: LayerLowering): KerasTensor {
  const value = layer.fields.get('activation') ?? 'linear';
  if (isObject(value) && own(value, 'class_name') === 'Activation') return activate(t, layer.withConfig(value));
  const kind = isObject(value) ? ADVANCED_ACTIVATIONS.get(String(own(value, 'class_name'))) : undefined;
  if (kind) return kind(t, layer.withConfig(value as { [key: string]: Json }));
  const name = activationName(value);
  if (name === undefined) throw layer.fields.fault('activation', 'the name of an activation');
  const activation = ACTIVATIONS.get(name);
  if (activation) return activation(t, layer);
  throw layer.unsupported(`its activation is ${show(value)}; supported are ${[...ACTIVATIONS.keys()].join(', ')}`);
}

/** A name, also as `{class_name: 'function', config: 'relu'}` or `{class_name: 'relu', config: {}}`; in snake case. */
function activationName(value: Json): string | undefined {
  const config = isObject(value) ? own(value, 'config') : undefined;
  const name = !isObject(value) ? value : typeof config === 'string' ? config : own(value, 'class_name');
  return typeof name === 'string' ? name.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase() : undefined;
}

export const ACTIVATION_LAYERS: readonly (readonly [string, LayerKind])[] = [
  ['Activation', unary(activate)],
  ...[...ADVANCED_ACTIVATIONS].map(([className, lower]) => [className, unary(lower)] as const),
];
