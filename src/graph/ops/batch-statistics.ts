import { type InferInput, OpError, type OpSpec } from '../op-spec.js';
import type { RefTensor } from '../tensor.js';
import { elementCount } from '../tensor.js';
import { numberAttr } from './attributes.js';
import {
  expectDType,
  expectFloat,
  expectMinRank,
  expectShape,
  outputSpec,
  requiredInput,
  requiredTensor,
} from './checks.js';

/** Batch norm as training steps run it: by the mean and the biased variance of the batch, over all axes but 1. */

const DEFAULT_EPSILON = 1e-5;

/** Checks x `[N,C,…]` at `at`, and vectors `[C]` at the inputs that `vectors` names. */
function inferOperands(x: InferInput, at: number, vectors: Readonly<Record<string, number>>) {
  const { node } = x;
  const input = requiredInput(x, at, 'x');
  expectFloat(node, input, 'x');
  expectMinRank(node, input, 2, 'x');
  for (const [name, i] of Object.entries(vectors)) {
    const spec = requiredInput(x, i, name);
    expectDType(node, spec, input.dtype, name);
    expectShape(node, spec, [input.shape[1]], name);
  }
  if (numberAttr(node, 'epsilon', DEFAULT_EPSILON) < 0) throw new OpError(node, 'epsilon must not be negative');
  return { input, vector: outputSpec(node, input.dtype, [input.shape[1]]) };
}

/** For each channel, the sum of `of(i)` over the positions i of the elements of that channel. */
function channelSums({ shape, data }: RefTensor, of: (i: number, channel: number) => number): Float64Array {
  const channels = shape[1];
  const plane = elementCount(shape.slice(2));
  const sums = new Float64Array(channels);
  for (let i = 0; i < data.length; i++) {
    const c = Math.floor(i / plane) % channels;
    sums[c] += of(i, c);
  }
  return sums;
}

const training: OpSpec = {
  op: 'BatchNormalizationTraining',
  inputs: [3, 3],

  infer(x) {
    const { input, vector } = inferOperands(x, 0, { scale: 1, B: 2 });
    return [outputSpec(x.node, input.dtype, input.shape), vector, vector];
  },

  evaluate(node, inputs) {
    const x = requiredTensor(node, inputs, 0);
    const [scale, shift] = [1, 2].map((i) => requiredTensor(node, inputs, i).data);
    const epsilon = numberAttr(node, 'epsilon', DEFAULT_EPSILON);
    const channels = x.shape[1];
    const plane = elementCount(x.shape.slice(2));
    const count = x.data.length / channels;
    const mean = channelSums(x, (i) => x.data[i]).map((sum) => sum / count);
    const variance = channelSums(x, (i, c) => (x.data[i] - mean[c]) ** 2).map((sum) => sum / count);
    const data = x.data.map((v, i) => {
      const c = Math.floor(i / plane) % channels;
      return ((v - mean[c]) * scale[c]) / Math.sqrt(variance[c] + epsilon) + shift[c];
    });
    const vector = (values: Float64Array): RefTensor => ({ dtype: x.dtype, shape: [channels], data: values });
    return [{ ...x, data }, vector(mean), vector(variance)];
  },
};

/** Through the batch's mean and variance: dx = factor·(dy - Σdy/n - x̂·Σ(dy·x̂)/n), dscale = Σ dy·x̂, dB = Σ dy. */
const gradient: OpSpec = {
  op: 'BatchNormalizationGrad',
  inputs: [5, 5],

  infer(x) {
    const { input, vector } = inferOperands(x, 1, { scale: 2, mean: 3, variance: 4 });
    const dy = requiredInput(x, 0, 'dy');
    expectDType(x.node, dy, input.dtype, 'dy');
    expectShape(x.node, dy, input.shape, 'dy');
    return [outputSpec(x.node, input.dtype, input.shape), vector, vector];
  },

  evaluate(node, inputs) {
    const [dy, x] = [0, 1].map((i) => requiredTensor(node, inputs, i));
    const [scale, mean, variance] = [2, 3, 4].map((i) => requiredTensor(node, inputs, i).data);
    const epsilon = numberAttr(node, 'epsilon', DEFAULT_EPSILON);
    const channels = x.shape[1];
    const plane = elementCount(x.shape.slice(2));
    const count = x.data.length / channels;
    const deviation = variance.map((v) => Math.sqrt(v + epsilon));
    const normal = (i: number, c: number): number => (x.data[i] - mean[c]) / deviation[c];
    const dShift = channelSums(x, (i) => dy.data[i]);
    const dScale = channelSums(x, (i, c) => dy.data[i] * normal(i, c));
    const dx = dy.data.map((d, i) => {
      const c = Math.floor(i / plane) % channels;
      return (scale[c] / deviation[c]) * (d - dShift[c] / count - (normal(i, c) * dScale[c]) / count);
    });
    const vector = (values: Float64Array): RefTensor => ({ dtype: x.dtype, shape: [channels], data: values });
    return [{ ...x, data: dx }, vector(dScale), vector(dShift)];
  },
};

export const BATCH_STATISTICS_OPS = [training, gradient].map((spec): OpSpec => ({ ...spec, training: true }));
