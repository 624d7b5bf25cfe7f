import { sampleElements } from '../dims.js';
import type { Node } from '../graph.js';
import { OpError, type OpSpec } from '../op-spec.js';
import { numberAttr, optionalNumberAttr } from './attributes.js';
import { expectFloat, outputSpec, requiredInput, requiredTensor } from './checks.js';

interface Unary {
  /** The function, once the node's attributes are read. */
  readonly map: (node: Node) => (x: number) => number;
  /** Takes integers too. */
  readonly anyType?: true;
  /** The original counts one operation an element. */
  readonly counted?: (node: Node) => boolean;
}

const always = () => true;

/** Functions of one element. `Dropout` is one, as it is the identity when a model is evaluated. */
const UNARY: Readonly<Record<string, Unary>> = {
  Relu: { map: () => (x) => (x < 0 ? 0 : x), anyType: true, counted: always },
  LeakyRelu: { map: (node) => leakyRelu(numberAttr(node, 'alpha', 0.01)), counted: always },
  Clip: { map: clip, anyType: true, counted: (node) => node.attrs.min === 0 && node.attrs.max === 6 },
  Sigmoid: { map: () => (x) => 1 / (1 + Math.exp(-x)) },
  Tanh: { map: () => Math.tanh },
  Exp: { map: () => Math.exp },
  Log: { map: () => Math.log },
  Sqrt: { map: () => Math.sqrt },
  Neg: { map: () => (x) => -x, anyType: true },
  Abs: { map: () => Math.abs, anyType: true },
  Identity: { map: () => (x) => x, anyType: true },
  Dropout: { map: () => (x) => x },
};

function leakyRelu(alpha: number): (x: number) => number {
  return (x) => (x < 0 ? alpha * x : x);
}

/** A minimum above the maximum gives the maximum, as ONNX says. */
function clip(node: Node): (x: number) => number {
  const min = optionalNumberAttr(node, 'min') ?? Number.NEGATIVE_INFINITY;
  const max = optionalNumberAttr(node, 'max') ?? Number.POSITIVE_INFINITY;
  return (x) => Math.min(max, Math.max(min, x));
}

function unarySpec(op: string, unary: Unary): OpSpec {
  return {
    op,
    inputs: [1, 1],
    infer(x) {
      const { node } = x;
      const input = requiredInput(x, 0, 'x');
      if (!unary.anyType) expectFloat(node, input, 'x');
      if (op === 'Dropout') checkRatio(node);
      unary.map(node);
      return [outputSpec(node, input.dtype, input.shape)];
    },
    channels(_node, ctx) {
      ctx.setOutput(0, ctx.input(0));
    },
    cost(node, _inputs, outputs) {
      return { macs: 0, mmrazor: unary.counted?.(node) ? sampleElements(outputs[0].shape) : 0 };
    },
    evaluate(node, inputs) {
      const x = requiredTensor(node, inputs, 0);
      return [{ dtype: x.dtype, shape: x.shape, data: x.data.map(unary.map(node)) }];
    },
  };
}

function checkRatio(node: Node): void {
  const ratio = numberAttr(node, 'ratio', 0.5);
  if (!(ratio >= 0 && ratio < 1)) throw new OpError(node, `ratio must be from 0 to below 1, got ${ratio}`);
}

export const ACTIVATION_OPS: readonly OpSpec[] = Object.entries(UNARY).map(([op, unary]) => unarySpec(op, unary));
