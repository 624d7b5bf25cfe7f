import { FIXED } from '../channels.js';
import type { OpSpec } from '../op-spec.js';
import { elementCount } from '../tensor.js';
import { intAttr } from './attributes.js';
import { expectFloat, normalizeAxis, outputSpec, requiredInput, requiredTensor } from './checks.js';

/** Far below any activation, far from overflow; its exponential is 0. */
export const LEAST = -1e30;

/** From a value's distance to the maximum, and the sum of the exponentials of those distances. */
const NORMALIZERS: Readonly<Record<string, (shifted: number, sum: number) => number>> = {
  Softmax: (shifted, sum) => Math.exp(shifted) / sum,
  LogSoftmax: (shifted, sum) => shifted - Math.log(sum),
};

function softmaxSpec(op: string, normalize: (shifted: number, sum: number) => number): OpSpec {
  return {
    op,
    inputs: [1, 1],
    neutral: LEAST,
    probabilities: 'axis',
    ...(op === 'Softmax' && { saturates: true }),
    mixes: (node, rank) => [normalizeAxis(node, intAttr(node, 'axis', -1), rank)],
    infer(x) {
      const input = requiredInput(x, 0, 'x');
      expectFloat(x.node, input, 'x');
      normalizeAxis(x.node, intAttr(x.node, 'axis', -1), input.shape.length);
      return [outputSpec(x.node, input.dtype, input.shape)];
    },
    channels(node, ctx) {
      const input = ctx.input(0);
      const mixed = input[normalizeAxis(node, intAttr(node, 'axis', -1), input.length)];
      if (mixed !== FIXED) ctx.renormalise(mixed);
      ctx.setOutput(0, input);
    },
    evaluate(node, inputs) {
      const x = requiredTensor(node, inputs, 0);
      const axis = normalizeAxis(node, intAttr(node, 'axis', -1), x.shape.length);
      const extent = x.shape[axis];
      const step = elementCount(x.shape.slice(axis + 1));
      const data = new Float64Array(x.data.length);
      const block = extent * step;
      for (let lane = 0; lane < data.length / extent; lane++) {
        const from = Math.floor(lane / step) * block + (lane % step);
        const end = from + block;
        let max = Number.NEGATIVE_INFINITY;
        for (let i = from; i < end; i += step) max = Math.max(max, x.data[i]);
        let sum = 0;
        for (let i = from; i < end; i += step) sum += Math.exp(x.data[i] - max);
        for (let i = from; i < end; i += step) data[i] = normalize(x.data[i] - max, sum);
      }
      return [{ dtype: x.dtype, shape: x.shape, data }];
    },
  };
}

export const SOFTMAX_OPS: readonly OpSpec[] = Object.entries(NORMALIZERS).map(([op, f]) => softmaxSpec(op, f));
