import type { Node } from '../graph.js';
import { OpError, type OpSpec } from '../op-spec.js';
import { elementCount } from '../tensor.js';
import { intAttr, intsAttr } from './attributes.js';
import {
  expectDType,
  expectFloat,
  expectMinRank,
  expectShape,
  knownDim,
  outputSpec,
  requiredInput,
  requiredTensor,
} from './checks.js';
import { convolveBackwards } from './conv-transpose.js';
import { resolveWindow, windowTaps } from './window.js';

/** Channels of a convolution: `inputs` and `outputs` in each of `groups` groups. */
interface Channels {
  readonly groups: number;
  readonly inputs: number;
  readonly outputs: number;
}

function channelsOf(node: Node, inputs: number, outputs: number): Channels {
  const groups = intAttr(node, 'group', 1);
  if (groups < 1 || inputs % groups !== 0 || outputs % groups !== 0) {
    throw new OpError(node, `${groups} groups don't divide ${inputs} input and ${outputs} output channels`);
  }
  return { groups, inputs: inputs / groups, outputs: outputs / groups };
}

/** Calls `visit` for each group with every pair of its channels: input and output in the value, input in the filter. */
function eachPair(c: Channels, visit: (input: number, output: number, filterInput: number) => void): void {
  for (let o = 0; o < c.groups * c.outputs; o++) {
    const first = Math.floor(o / c.outputs) * c.inputs;
    for (let i = 0; i < c.inputs; i++) visit(first + i, o, i);
  }
}

/** dx of a convolution: each output gradient goes back through the filter to the inputs it came from. */
const convInputGrad: OpSpec = {
  op: 'ConvInputGrad',
  inputs: [2, 2],
  infer(x) {
    const dy = requiredInput(x, 0, 'dy');
    const w = requiredInput(x, 1, 'W');
    expectFloat(x.node, dy, 'dy');
    expectDType(x.node, w, dy.dtype, 'W');
    expectMinRank(x.node, dy, 3, 'dy');
    const [outputs, perGroup, ...kernel] = w.shape.map((d) => knownDim(x.node, d, 'the shape of W'));
    const spatial = intsAttr(x.node, 'spatial');
    const inputs = perGroup * intAttr(x.node, 'group', 1);
    channelsOf(x.node, inputs, outputs);
    const { output } = resolveWindow(x.node, spatial, kernel);
    expectShape(x.node, dy, [dy.shape[0], outputs, ...output], 'dy');
    return [outputSpec(x.node, dy.dtype, [dy.shape[0], inputs, ...spatial])];
  },
  evaluate(node, inputs) {
    const dy = requiredTensor(node, inputs, 0);
    const w = requiredTensor(node, inputs, 1);
    const spatial = intsAttr(node, 'spatial');
    const window = resolveWindow(node, spatial, w.shape.slice(2));
    return [convolveBackwards(dy, w, intAttr(node, 'group', 1), window, spatial)];
  },
};

/** dW of a convolution: each filter element gathers what it multiplied times the gradient there, over the batch. */
const convFilterGrad: OpSpec = {
  op: 'ConvFilterGrad',
  inputs: [2, 2],
  infer(x) {
    const input = requiredInput(x, 0, 'x');
    const dy = requiredInput(x, 1, 'dy');
    expectFloat(x.node, input, 'x');
    expectDType(x.node, dy, input.dtype, 'dy');
    expectMinRank(x.node, input, 3, 'x');
    expectMinRank(x.node, dy, 3, 'dy');
    const kernel = intsAttr(x.node, 'kernel_shape');
    const inputs = knownDim(x.node, input.shape[1], 'the channels of x');
    const outputs = knownDim(x.node, dy.shape[1], 'the channels of dy');
    const channels = channelsOf(x.node, inputs, outputs);
    const { output } = resolveWindow(x.node, input.shape.slice(2), kernel);
    expectShape(x.node, dy, [input.shape[0], outputs, ...output], 'dy');
    return [outputSpec(x.node, input.dtype, [outputs, channels.inputs, ...kernel])];
  },
  evaluate(node, inputs) {
    const x = requiredTensor(node, inputs, 0);
    const dy = requiredTensor(node, inputs, 1);
    const kernel = intsAttr(node, 'kernel_shape');
    const spatial = x.shape.slice(2);
    const channels = channelsOf(node, x.shape[1], dy.shape[1]);
    const { taps, step } = windowTaps(resolveWindow(node, spatial, kernel), spatial);
    const inPlane = elementCount(spatial);
    const outPlane = elementCount(dy.shape.slice(2));
    const shape = [dy.shape[1], channels.inputs, ...kernel];
    const dw = new Float64Array(elementCount(shape));
    for (let n = 0; n < x.shape[0]; n++) {
      eachPair(channels, (input, output, filterInput) => {
        const from = (n * x.shape[1] + input) * inPlane;
        const at = (n * dy.shape[1] + output) * outPlane;
        taps.forEach(({ runs }, k) => {
          let sum = 0;
          for (let r = 0; r < runs.length; r += 3) {
            for (let i = 0; i < runs[r + 2]; i++) {
              sum += x.data[from + runs[r + 1] + i * step] * dy.data[at + runs[r] + i];
            }
          }
          dw[(output * channels.inputs + filterInput) * taps.length + k] += sum;
        });
      });
    }
    return [{ dtype: x.dtype, shape, data: dw }];
  },
};

export const CONV_GRAD_OPS: readonly OpSpec[] = [convInputGrad, convFilterGrad];
