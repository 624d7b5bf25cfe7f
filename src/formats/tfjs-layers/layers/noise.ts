import type { KerasTensor } from '../keras-tensor.js';
import { type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';

function dropout(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const rate = layer.fields.number('rate');
  // As TensorFlow.js: a rate out of (0, 1) drops nothing.
  return rate > 0 && rate < 1 ? layer.elementwise('Dropout', input, { ratio: rate }) : input;
}

/** The identity at inference, and here in training too. */
function leftOut(input: KerasTensor, layer: LayerLowering): KerasTensor {
  layer.warn('NOISE_LEFT_OUT', `${layer.layer.className} adds no noise when the model is finetuned here`);
  return input;
}

const LEFT_OUT = [
  ...[1, 2, 3].map((axes) => `SpatialDropout${axes}D`),
  'GaussianNoise',
  'GaussianDropout',
  'AlphaDropout',
  'ActivityRegularization',
];

export const NOISE_LAYERS: readonly (readonly [string, LayerKind])[] = [
  ['Dropout', unary(dropout)],
  ...LEFT_OUT.map((className) => [className, unary(leftOut)] as const),
];
