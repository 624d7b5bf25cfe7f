import { countedElements } from '../dims.js';
import type { OpSpec } from '../op-spec.js';
import { elementCount } from '../tensor.js';
import { numberAttr } from './attributes.js';
import {
  axesFrom,
  expectDType,
  expectFloat,
  expectMinRank,
  expectShape,
  outputSpec,
  requiredInput,
  requiredTensor,
} from './checks.js';

const PARAMETERS = ['scale', 'B', 'mean', 'var'] as const;

/** With running statistics, as in inference; training steps have ops of their own (`batch-statistics.ts`). */
const batchNormalization: OpSpec = {
  op: 'BatchNormalization',
  inputs: [5, 5],
  batchFirst: true,
  mixes: (_node, rank) => axesFrom(1, rank),

  infer(x) {
    const { node } = x;
    const input = requiredInput(x, 0, 'x');
    expectFloat(node, input, 'x');
    expectMinRank(node, input, 2, 'x');
    PARAMETERS.forEach((name, i) => {
      const spec = requiredInput(x, i + 1, name);
      expectDType(node, spec, input.dtype, name);
      expectShape(node, spec, [input.shape[1]], name);
    });
    return [outputSpec(node, input.dtype, input.shape)];
  },

  channels(_node, ctx) {
    const input = ctx.input(0);
    for (let i = 1; i <= PARAMETERS.length; i++) {
      const [own] = ctx.input(i);
      ctx.tie(own, input[1]);
    }
    ctx.setOutput(0, input);
  },

  cost({ inputs }) {
    return { macs: 0, mmrazor: 2 * countedElements(inputs[0]!.shape) };
  },

  parametric() {
    return { input: 1, output: 1, passThrough: true };
  },

  evaluate(node, inputs) {
    const x = requiredTensor(node, inputs, 0);
    const [scale, shift, mean, variance] = PARAMETERS.map((_, i) => requiredTensor(node, inputs, i + 1).data);
    const epsilon = numberAttr(node, 'epsilon', 1e-5);
    const channels = x.shape[1];
    const plane = elementCount(x.shape.slice(2));
    const data = new Float64Array(x.data.length);
    for (let i = 0, at = 0; at < data.length; i++) {
      const c = i % channels;
      const factor = scale[c] / Math.sqrt(variance[c] + epsilon);
      const offset = shift[c] - mean[c] * factor;
      for (const end = at + plane; at < end; at++) data[at] = x.data[at] * factor + offset;
    }
    return [{ dtype: x.dtype, shape: x.shape, data }];
  },
};

export const NORMALIZATION_OPS: readonly OpSpec[] = [batchNormalization];
