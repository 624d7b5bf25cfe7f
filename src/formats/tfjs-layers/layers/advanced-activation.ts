import type { KerasTensor } from '../keras-tensor.js';
import type { LayerLowering } from '../lowering.js';
import { AS_IS, CHANNELS_FIRST } from '../weight-layout.js';
import { softmax } from './softmax.js';

/** Slope of the LeakyReLU layer that names none. */
const LEAKY_SLOPE = 0.3;

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

function leakyRelu(t: KerasTensor, layer: LayerLowering): KerasTensor {
  const { fields } = layer;
  // Keras 3's name, which TensorFlow.js doesn't load at all: no other meaning is in its way.
  return layer.elementwise('LeakyRelu', t, {
    alpha: fields.number('alpha', fields.number('negative_slope', LEAKY_SLOPE)),
  });
}

function elu(t: KerasTensor, layer: LayerLowering): KerasTensor {
  return layer.elementwise('Elu', t, { alpha: layer.fields.number('alpha', 1) });
}

/** Steeper than any difference of two numbers is small: a linear function clipped to 0…1 that is a step. */
const STEP = 3e38;

/** What is not above `theta` is zero. */
function thresholdedRelu(t: KerasTensor, layer: LayerLowering): KerasTensor {
  const layout = layer.preferredLayout([t]);
  const x = layer.in(t, layout);
  const theta = layer.filled('theta', [], layer.fields.number('theta', 1));
  const above = layer.emit('Sub', [x, theta], {}, layout);
  const gate = layer.emit('HardSigmoid', [layer.in(above, layout)], { alpha: STEP, beta: 0 }, layout);
  return layer.emit('Mul', [x, layer.in(gate, layout)], {}, layout);
}

/** The slopes have the input's shape without the batch, and extent 1 on the `shared_axes`, which count from 1. */
function prelu(t: KerasTensor, layer: LayerLowering): KerasTensor {
  const rank = t.shape.length;
  const value = layer.fields.get('shared_axes');
  const shared = value === undefined ? [] : layer.fields.tuple('shared_axes', axisCount(value), { min: 1 });
  if (shared.some((axis) => axis >= rank)) {
    throw layer.fields.fault('shared_axes', `axes from 1 to ${rank - 1}`);
  }
  const shape = t.shape.slice(1).map((d, i) => (shared.includes(i + 1) ? 1 : d));
  if (rank < 3) {
    const alpha = layer.weight('alpha', shape, AS_IS, 'parameter');
    return layer.emit('PRelu', [layer.declared(t), alpha], {}, 'declared');
  }
  const alpha = layer.weight('alpha', shape, CHANNELS_FIRST, 'parameter');
  return layer.emit('PRelu', [layer.channelsFirst(t), alpha], {}, 'channelsFirst');
}

function axisCount(value: unknown): number {
  return Array.isArray(value) ? value.length : 1;
}

function softmaxLayer(t: KerasTensor, layer: LayerLowering): KerasTensor {
  const axis = layer.fields.get('axis');
  // TensorFlow.js's default is axis 1.
  if (Array.isArray(axis) && axis.length === 1 && Number.isInteger(axis[0])) {
    return softmax('Softmax', t, axis[0] as number, layer);
  }
  if (axis !== undefined && !Number.isInteger(axis)) throw layer.fields.fault('axis', 'a whole number');
  return softmax('Softmax', t, (axis as number | undefined) ?? 1, layer);
}

/** Layers that are an activation, by their class; Keras 3 also puts them where other versions name an activation. */
export const ADVANCED_ACTIVATIONS: ReadonlyMap<string, (t: KerasTensor, layer: LayerLowering) => KerasTensor> = new Map(
  [
    ['ReLU', relu],
    ['LeakyReLU', leakyRelu],
    ['ELU', elu],
    ['PReLU', prelu],
    ['ThresholdedReLU', thresholdedRelu],
    ['Softmax', softmaxLayer],
  ],
);
