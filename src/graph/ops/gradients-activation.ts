import type { Node } from '../graph.js';
import type { OpSpec } from '../op-spec.js';
import { numberAttr, optionalNumberAttr } from './attributes.js';
import { expectDType, expectFloat, expectShape, outputSpec, requiredInput, requiredTensor } from './checks.js';

/**
 * The gradient of an activation: dy and one value of the forward pass (its input x or output y), equally shaped. `of`
 * reads the attributes and gives the gradient of one element.
 */
function activationGrad(
  op: string,
  saved: 'x' | 'y',
  of: (node: Node) => (dy: number, saved: number) => number,
): OpSpec {
  return {
    op,
    inputs: [2, 2],
    infer(x) {
      const dy = requiredInput(x, 0, 'dy');
      const value = requiredInput(x, 1, saved);
      expectFloat(x.node, dy, 'dy');
      expectDType(x.node, value, dy.dtype, saved);
      expectShape(x.node, value, dy.shape, saved);
      of(x.node);
      return [outputSpec(x.node, dy.dtype, dy.shape)];
    },
    evaluate(node, inputs) {
      const dy = requiredTensor(node, inputs, 0);
      const value = requiredTensor(node, inputs, 1);
      const gradient = of(node);
      return [{ ...dy, data: dy.data.map((d, i) => gradient(d, value.data[i])) }];
    },
  };
}

export const ACTIVATION_GRAD_OPS: readonly OpSpec[] = [
  activationGrad('ReluGrad', 'y', () => (dy, y) => (y > 0 ? dy : 0)),
  activationGrad('LeakyReluGrad', 'x', (node) => {
    const alpha = numberAttr(node, 'alpha', 0.01);
    return (dy, x) => (x > 0 ? dy : alpha * dy);
  }),
  activationGrad('ClipGrad', 'x', (node) => {
    const [min, max] = [optionalNumberAttr(node, 'min'), optionalNumberAttr(node, 'max')];
    // Without a bound an infinity passes too.
    return (dy, x) => ((min === undefined || x > min) && (max === undefined || x < max) ? dy : 0);
  }),
  activationGrad('SigmoidGrad', 'y', () => (dy, y) => dy * y * (1 - y)),
  activationGrad('TanhGrad', 'y', () => (dy, y) => dy * (1 - y * y)),
];
