import type { DType } from '../../../src/graph/tensor.js';

const DOUBLE: readonly DType[] = ['float64'];

/**
 * Dtypes of which onnxruntime has no kernel for an op, and that compiling refuses, naming the node. Models that are read have
 * their float64 values computed in float32, so that none of these comes from a file.
 */
export const ONNXRUNTIME_REFUSES: Readonly<Record<string, readonly DType[]>> = {
  ...Object.fromEntries(
    `Conv ConvTranspose ConvInputGrad AveragePool GlobalAveragePool GlobalMaxPool AveragePoolGrad ResizeGrad
    InstanceNormalization Elu Selu Gelu HardSigmoid HardSwish Softplus Mish Erf ReluGrad
    LeakyReluGrad ClipGrad`
      .split(/\s+/)
      .map((op) => [op, DOUBLE]),
  ),
  Resize: ['float64', 'int64', 'bool'],
};

/** Attributes are float32 in its models, so that doubles are off by what they are rounded by. */
export const ATTRIBUTE_ROUNDING = 2e-7;

/** Where onnxruntime differs at the edges of a dtype. */
export const ONNXRUNTIME_EDGES: Readonly<Record<string, string>> = {
  MaxPool: 'a NaN does not win',
  GlobalMaxPool: 'a NaN does not win',
  ReduceMax: 'a NaN does not win',
  Cast: 'what is no number becomes the least whole one',
  ReluGrad: 'gradients are multiplied by 0, infinite ones too',
  LeakyReluGrad: 'gradients are multiplied by 0, infinite ones too',
  ClipGrad: 'gradients are multiplied by 0, infinite ones too',
  'LogSoftmax float64': 'of an infinity it makes other than of its difference from itself',
  'ReduceSum int32': 'sums stop at the edge of the range rather than wrap around',
};
