import type { OpSpec } from '../op-spec.js';
import { elementCount } from '../tensor.js';
import { flagAttr, intsAttr } from './attributes.js';
import {
  expectDType,
  expectFloat,
  expectMinRank,
  expectShape,
  outputSpec,
  requiredInput,
  requiredTensor,
} from './checks.js';
import { averagePoolCounts } from './pooling.js';
import { resolveWindow, type Taps, windowTaps } from './window.js';

/** Calls `visit` for each pair of an output and an input position of a plane that a window joins. */
function eachJoined({ taps, step }: Taps, visit: (output: number, input: number) => void): void {
  for (const { runs } of taps) {
    for (let r = 0; r < runs.length; r += 3) {
      for (let i = 0; i < runs[r + 2]; i++) visit(runs[r] + i, runs[r + 1] + i * step);
    }
  }
}

/** dx of a max pool: each gradient goes to the first (in row-major order) of the largest inputs of its window. */
const maxPoolGrad: OpSpec = {
  op: 'MaxPoolGrad',
  inputs: [3, 3],
  infer(x) {
    const input = requiredInput(x, 0, 'x');
    const y = requiredInput(x, 1, 'y');
    const dy = requiredInput(x, 2, 'dy');
    expectFloat(x.node, input, 'x');
    expectMinRank(x.node, input, 3, 'x');
    const { output } = resolveWindow(x.node, input.shape.slice(2), intsAttr(x.node, 'kernel_shape'));
    for (const [spec, what] of [[y, 'y'] as const, [dy, 'dy'] as const]) {
      expectDType(x.node, spec, input.dtype, what);
      expectShape(x.node, spec, [...input.shape.slice(0, 2), ...output], what);
    }
    return [outputSpec(x.node, input.dtype, input.shape)];
  },
  evaluate(node, inputs) {
    const x = requiredTensor(node, inputs, 0);
    const dy = requiredTensor(node, inputs, 2);
    const spatial = x.shape.slice(2);
    const window = resolveWindow(node, spatial, intsAttr(node, 'kernel_shape'));
    const taps = windowTaps(window, spatial);
    const inPlane = elementCount(spatial);
    const outPlane = elementCount(window.output);
    const dx = new Float64Array(x.data.length);
    for (let plane = 0; plane < x.shape[0] * x.shape[1]; plane++) {
      const values = x.data.subarray(plane * inPlane, (plane + 1) * inPlane);
      const largest = new Int32Array(outPlane).fill(-1);
      eachJoined(taps, (output, input) => {
        if (largest[output] < 0 || values[input] > values[largest[output]]) largest[output] = input;
      });
      largest.forEach((input, output) => {
        if (input >= 0) dx[plane * inPlane + input] += dy.data[plane * outPlane + output];
      });
    }
    return [{ dtype: x.dtype, shape: x.shape, data: dx }];
  },
};

/** dx of an average pool: each gradient is shared out evenly over what its window averaged. */
const averagePoolGrad: OpSpec = {
  op: 'AveragePoolGrad',
  inputs: [1, 1],
  infer(x) {
    const dy = requiredInput(x, 0, 'dy');
    expectFloat(x.node, dy, 'dy');
    expectMinRank(x.node, dy, 3, 'dy');
    const spatial = intsAttr(x.node, 'spatial');
    const { output } = resolveWindow(x.node, spatial, intsAttr(x.node, 'kernel_shape'));
    expectShape(x.node, dy, [...dy.shape.slice(0, 2), ...output], 'dy');
    return [outputSpec(x.node, dy.dtype, [...dy.shape.slice(0, 2), ...spatial])];
  },
  evaluate(node, inputs) {
    const dy = requiredTensor(node, inputs, 0);
    const spatial = intsAttr(node, 'spatial');
    const window = resolveWindow(node, spatial, intsAttr(node, 'kernel_shape'));
    const taps = windowTaps(window, spatial);
    const divisors = averagePoolCounts(window, spatial, flagAttr(node, 'count_include_pad', false));
    const inPlane = elementCount(spatial);
    const shape = [...dy.shape.slice(0, 2), ...spatial];
    const dx = new Float64Array(elementCount(shape));
    for (let plane = 0; plane < shape[0] * shape[1]; plane++) {
      eachJoined(taps, (output, input) => {
        dx[plane * inPlane + input] += dy.data[plane * divisors.length + output] / divisors[output];
      });
    }
    return [{ dtype: dy.dtype, shape, data: dx }];
  },
};

export const POOL_GRAD_OPS: readonly OpSpec[] = [maxPoolGrad, averagePoolGrad];
