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
import { convGradient, convTransposeGradient } from './conv.js';
import { gemmGradient, matMulGradient } from './dense.js';
import { gatherGradient } from './gather.js';
import type { GradientRule } from './gradient-rule.js';
import { averagePoolGradient, globalAveragePoolGradient, globalMaxPoolGradient, maxPoolGradient } from './pool.js';
import {
  expandBatchGradient,
  expandGradient,
  reduceMaxGradient,
  reduceMeanGradient,
  reduceSumGradient,
} from './reduction.js';
import { maxGradient, minGradient, noGradient, preluGradient, whereGradient } from './selection.js';
import {
  concatGradient,
  padGradient,
  reshapeGradient,
  resizeGradient,
  sliceGradient,
  tileGradient,
  transposeGradient,
} from './shape.js';
import {
  eluGradient,
  erfGradient,
  geluGradient,
  powGradient,
  reciprocalGradient,
  softplusGradient,
} from './smooth-activation.js';

/**
 * The rules of differentiable ops. Not here: ops made of others, which are spelled in those first; batch norms and dropout,
 * which are others in training (`training-forms/`).
 */
export const GRADIENT_RULES: ReadonlyMap<string, GradientRule> = new Map(
  Object.entries({
    Abs: absGradient,
    Add: addGradient,
    AveragePool: averagePoolGradient,
    Clip: primitive('ClipGrad', 'x'),
    Concat: concatGradient,
    Conv: convGradient,
    ConvTranspose: convTransposeGradient,
    Div: divGradient,
    Elu: eluGradient,
    Equal: noGradient,
    Erf: erfGradient,
    Exp: expGradient,
    Expand: expandGradient,
    ExpandBatch: expandBatchGradient,
    Flatten: reshapeGradient,
    Gather: gatherGradient,
    Gelu: geluGradient,
    Gemm: gemmGradient,
    GlobalAveragePool: globalAveragePoolGradient,
    GlobalMaxPool: globalMaxPoolGradient,
    Greater: noGradient,
    Identity: identityGradient,
    LeakyRelu: primitive('LeakyReluGrad', 'x'),
    Less: noGradient,
    Log: logGradient,
    LogSoftmax: logSoftmaxGradient,
    MatMul: matMulGradient,
    Max: maxGradient,
    MaxPool: maxPoolGradient,
    Min: minGradient,
    Mul: mulGradient,
    Neg: negGradient,
    Pad: padGradient,
    Pow: powGradient,
    PRelu: preluGradient,
    Reciprocal: reciprocalGradient,
    ReduceMax: reduceMaxGradient,
    ReduceMean: reduceMeanGradient,
    ReduceSum: reduceSumGradient,
    Relu: primitive('ReluGrad', 'y'),
    Reshape: reshapeGradient,
    Resize: resizeGradient,
    Sigmoid: primitive('SigmoidGrad', 'y'),
    Slice: sliceGradient,
    Softmax: softmaxGradient,
    Softplus: softplusGradient,
    Sqrt: sqrtGradient,
    Sub: subGradient,
    Tanh: primitive('TanhGrad', 'y'),
    Tile: tileGradient,
    Transpose: transposeGradient,
    Where: whereGradient,
  }),
);
