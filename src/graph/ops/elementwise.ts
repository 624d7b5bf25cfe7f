import type { OpSpec } from '../op-spec.js';
import { broadcastChannels, broadcastShapes, mapBroadcast } from './broadcast.js';
import { expectDType, expectKind, isKind, outputSpec, requiredInput, requiredTensor } from './checks.js';

type Binary = (a: number, b: number) => number;

const ARITHMETIC: Readonly<Record<string, Binary>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Min: Math.min,
  Max: Math.max,
};

function binarySpec(op: string, f: Binary): OpSpec {
  return {
    op,
    inputs: [2, 2],
    infer(x) {
      const { node } = x;
      const a = requiredInput(x, 0, 'a');
      const b = requiredInput(x, 1, 'b');
      expectKind(node, a, 'number', 'a');
      expectDType(node, b, a.dtype, 'b');
      return [outputSpec(node, a.dtype, broadcastShapes(node, [a.shape, b.shape]))];
    },
    channels(node, ctx) {
      const operands = [0, 1].map((i) => ({ shape: ctx.inputShape(i), axes: ctx.input(i) }));
      ctx.setOutput(0, broadcastChannels(node, ctx, operands, ctx.outputShape(0)));
    },
    evaluate(node, inputs) {
      const a = requiredTensor(node, inputs, 0);
      const b = requiredTensor(node, inputs, 1);
      // Whole numbers divide towards zero; the other operations stay whole by themselves.
      const whole = isKind(a.dtype, 'integer');
      return [mapBroadcast(node, a, b, a.dtype, whole ? (p, q) => Math.trunc(f(p, q)) : f)];
    },
  };
}

export const ELEMENTWISE_OPS: readonly OpSpec[] = Object.entries(ARITHMETIC).map(([op, f]) => binarySpec(op, f));
