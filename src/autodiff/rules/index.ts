import {
  absGradient,
  expGradient,
  identityGradient,
  logGradient,
  logSoftmaxGradient,
  negGradient,
  primitive,
  softmaxGradient,
  sqrtGradient,
} from './activation.js';
import { addGradient, divGradient, mulGradient, subGradient } from './arithmetic.js';
import { convGradient } from './conv.js';
import { gemmGradient, matMulGradient } from './dense.js';
import type { GradientRule } from './gradient-rule.js';
import { averagePoolGradient, globalAveragePoolGradient, globalMaxPoolGradient, maxPoolGradient } from './pool.js';
import { concatGradient, padGradient, reshapeGradient, transposeGradient } from './shape.js';

/**
 * Every differentiable op kind and its rule. Batch norm and dropout are not here: they compute something else in
 * training, see `training-forms/`.
 */
export const GRADIENT_RULES: ReadonlyMap<string, GradientRule> = new Map(
  Object.entries({
    Abs: absGradient,
    Add: addGradient,
    AveragePool: averagePoolGradient,
    Clip: primitive('ClipGrad', 'x'),
    Concat: concatGradient,
    Conv: convGradient,
    Div: divGradient,
    Exp: expGradient,
    Flatten: reshapeGradient,
    Gemm: gemmGradient,
    GlobalAveragePool: globalAveragePoolGradient,
    GlobalMaxPool: globalMaxPoolGradient,
    Identity: identityGradient,
    LeakyRelu: primitive('LeakyReluGrad', 'x'),
    Log: logGradient,
    LogSoftmax: logSoftmaxGradient,
    MatMul: matMulGradient,
    MaxPool: maxPoolGradient,
    Mul: mulGradient,
    Neg: negGradient,
    Pad: padGradient,
    Relu: primitive('ReluGrad', 'y'),
    Reshape: reshapeGradient,
    Sigmoid: primitive('SigmoidGrad', 'y'),
    Softmax: softmaxGradient,
    Sqrt: sqrtGradient,
    Sub: subGradient,
    Tanh: primitive('TanhGrad', 'y'),
    Transpose: transposeGradient,
  }),
);
