import { countedElements } from '../dims.js';
import type { Shape } from '../graph.js';
import type { OpSpec, ParametricAxes } from '../op-spec.js';
import { broadcastChannels, broadcastRows, broadcastShapes, mapBroadcast } from './broadcast.js';
import { expectDType, expectFloat, expectShape, outputSpec, requiredInput, requiredTensor } from './checks.js';

/**
 * A leaky ReLU whose slope is a weight. The slope broadcasts to x: one for all (`[1]`), one a channel (`[C, 1, 1]`), or
 * one an element. Where it has a channel's extent, it has the channel's channels.
 */
const prelu: OpSpec = {
  op: 'PRelu',
  inputs: [2, 2],

  infer(x) {
    const { node } = x;
    const input = requiredInput(x, 0, 'x');
    const slope = requiredInput(x, 1, 'slope');
    expectFloat(node, input, 'x');
    expectDType(node, slope, input.dtype, 'slope');
    const shape = broadcastShapes(node, [input.shape, slope.shape]);
    expectShape(node, { dtype: input.dtype, shape }, input.shape, 'what the slope broadcasts to');
    return [outputSpec(node, input.dtype, input.shape)];
  },

  channels(node, ctx) {
    const operands = [0, 1].map((i) => ({ shape: ctx.inputShape(i), axes: ctx.input(i) }));
    ctx.setOutput(0, broadcastChannels(node, ctx, operands, ctx.inputShape(0)));
  },

  cost({ outputs }) {
    return { macs: 0, mmrazor: countedElements(outputs[0].shape) };
  },

  byRows: broadcastRows,

  parametric(_node, inputs) {
    return slopeAxes(inputs[0]!.shape, inputs[1]!.shape);
  },

  evaluate(node, inputs) {
    const x = requiredTensor(node, inputs, 0);
    const slope = requiredTensor(node, inputs, 1);
    return [mapBroadcast(node, x, slope, x.dtype, (v, s) => (v < 0 ? s * v : v))];
  },
};

/** The channel axis that the slope varies along: axis 1 if it does there, else the last one; undefined for one slope. */
function slopeAxes(shape: Shape, slope: Shape): ParametricAxes | undefined {
  const varies = (axis: number): boolean => {
    const own = slope.length - shape.length + axis;
    return own >= 0 && slope[own] !== 1;
  };
  const axis = varies(1) ? 1 : shape.findLastIndex((_, i) => varies(i));
  return axis < 0 ? undefined : { input: axis, output: axis, passThrough: true };
}

export const PRELU_OPS: readonly OpSpec[] = [prelu];
