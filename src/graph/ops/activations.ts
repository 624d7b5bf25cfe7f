import { countedElements } from '../dims.js';
import type { Node } from '../graph.js';
import { heldResults } from '../held.js';
import { type Composer, type InferInput, OpError, type OpSpec } from '../op-spec.js';
import { PASSED_ON, type Wanted } from '../value-range.js';
import { choiceAttr, numberAttr, optionalNumberAttr } from './attributes.js';
import { broadcastRows } from './broadcast.js';
import { expectKind, outputSpec, requiredInput, requiredTensor } from './checks.js';
import { erf } from './error-function.js';

interface Unary {
  /** The function, once the node's attributes are read. */
  readonly map: (node: Node) => (x: number) => number;
  /** What it takes; floats, where it does not say. `any` is bool too. */
  readonly takes?: 'number' | 'signed' | 'any';
  /** What it wants of its input; undefined: anything. */
  readonly wants?: (node: Node) => Wanted | undefined;
  /** Where it is made of others: its value, from the input's. */
  readonly compose?: (c: Composer, x: string, node: Node) => string;
  readonly saturates?: true;
  readonly probabilities?: 'element';
  readonly view?: 'same';
  /** The original counts one operation an element. */
  readonly counted?: (node: Node) => boolean;
}

const always = () => true;

/** Klambauer et al. 2017, as float32 holds them. */
const SELU_ALPHA = 1.6732631921768188;
const SELU_GAMMA = 1.0507010221481323;

/** The weight of x³ in the approximation of Gelu by tanh. */
export const TANH_GELU_CUBE = 0.044715;

/** Functions of one element, ONNX's but for `Pow`, whose exponent is an attribute. `Dropout` is one, as it is the identity when a model is evaluated. */
const UNARY: Readonly<Record<string, Unary>> = {
  Relu: { map: () => (x) => (x < 0 ? 0 : x), takes: 'number', counted: always },
  LeakyRelu: { map: (node) => leakyRelu(numberAttr(node, 'alpha', 0.01)), counted: always },
  Clip: { map: clip, takes: 'number', counted: (node) => node.attrs.min === 0 && node.attrs.max === 6 },
  Elu: { map: (node) => elu(numberAttr(node, 'alpha', 1)), counted: always },
  Selu: { map: selu, compose: composeSelu },
  Gelu: { map: (node) => (geluForm(node) === 'tanh' ? tanhGelu : erfGelu), compose: composeGelu },
  HardSigmoid: { map: (node) => hardSigmoid(...hardSigmoidLine(node)), compose: composeHardSigmoid, saturates: true },
  HardSwish: {
    map: () => (x) => x * hardSigmoid(1 / 6, 0.5)(x),
    compose: (c, x) => c.op('Mul', [x, c.op('HardSigmoid', [x], { alpha: 1 / 6, beta: 0.5 })]),
  },
  Softplus: { map: () => softplus },
  Softsign: {
    map: () => (x) => x / (1 + Math.abs(x)),
    compose: (c, x) => c.op('Div', [x, c.op('Add', [c.op('Abs', [x]), c.scalar(1, x)])]),
  },
  Mish: {
    map: () => (x) => x * Math.tanh(softplus(x)),
    compose: (c, x) => c.op('Mul', [x, c.op('Tanh', [c.op('Softplus', [x])])]),
  },
  Sigmoid: { map: () => (x) => 1 / (1 + Math.exp(-x)), saturates: true, probabilities: 'element' },
  Tanh: { map: () => Math.tanh, saturates: true },
  Exp: { map: () => Math.exp },
  // Near 0 a logarithm shows little but rounding.
  Log: { map: () => Math.log, wants: () => atLeast(1e-3) },
  Sqrt: { map: () => Math.sqrt, wants: () => atLeast(0) },
  Erf: { map: () => erf },
  Pow: { map: power, wants: base },
  Reciprocal: { map: () => (x) => 1 / x, wants: () => atLeast(1e-3) },
  Neg: { map: () => (x) => -x, takes: 'signed' },
  Abs: { map: () => Math.abs, takes: 'number' },
  Identity: { map: () => (x) => x, takes: 'any', view: 'same', wants: () => PASSED_ON },
  Dropout: { map: () => (x) => x, view: 'same', wants: () => PASSED_ON },
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

function elu(alpha: number): (x: number) => number {
  return (x) => (x < 0 ? alpha * Math.expm1(x) : x);
}

/** `alpha` and `gamma` of the self-normalising unit, by default those that keep mean 0 and variance 1. */
function seluScales(node: Node): { alpha: number; gamma: number } {
  return { alpha: numberAttr(node, 'alpha', SELU_ALPHA), gamma: numberAttr(node, 'gamma', SELU_GAMMA) };
}

function selu(node: Node): (x: number) => number {
  const { alpha, gamma } = seluScales(node);
  const unscaled = elu(alpha);
  return (x) => gamma * unscaled(x);
}

function composeSelu(c: Composer, x: string, node: Node): string {
  const { alpha, gamma } = seluScales(node);
  return c.op('Mul', [c.op('Elu', [x], { alpha }), c.scalar(gamma, x)]);
}

/** Whether a Gelu is the exact one, by the error function, or its approximation by tanh. */
export function geluForm(node: Node): 'none' | 'tanh' {
  return choiceAttr(node, 'approximate', ['none', 'tanh'], 'none');
}

const erfGelu = (x: number): number => 0.5 * x * (1 + erf(x / Math.SQRT2));
const tanhGelu = (x: number): number =>
  0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + TANH_GELU_CUBE * x ** 3)));

/** x/2 · (1 + s). The chain of the exact one is that which onnxruntime fuses. */
function composeGelu(c: Composer, x: string, node: Node): string {
  const scaled = (value: string, by: number): string => c.op('Mul', [value, c.scalar(by, x)]);
  const curve = (): string => {
    if (geluForm(node) === 'none') return c.op('Erf', [c.op('Div', [x, c.scalar(Math.SQRT2, x)])]);
    const factor = Math.sqrt(2 / Math.PI);
    const bend = c.op('Add', [scaled(c.op('Mul', [x, x]), factor * TANH_GELU_CUBE), c.scalar(factor, x)]);
    return c.op('Tanh', [c.op('Mul', [x, bend])]);
  };
  return c.op('Mul', [scaled(x, 0.5), c.op('Add', [curve(), c.scalar(1, x)])]);
}

/** Slope and height at 0 of a hard sigmoid. */
export function hardSigmoidLine(node: Node): [alpha: number, beta: number] {
  return [numberAttr(node, 'alpha', 0.2), numberAttr(node, 'beta', 0.5)];
}

function composeHardSigmoid(c: Composer, x: string, node: Node): string {
  const [alpha, beta] = hardSigmoidLine(node);
  const line = c.op('Add', [c.op('Mul', [x, c.scalar(alpha, x)]), c.scalar(beta, x)]);
  return c.op('Clip', [line], { min: 0, max: 1 });
}

function hardSigmoid(alpha: number, beta: number): (x: number) => number {
  return (x) => Math.max(0, Math.min(1, alpha * x + beta));
}

/** log(1 + exp(x)), without overflow. */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

function power(node: Node): (x: number) => number {
  const exponent = optionalNumberAttr(node, 'exponent');
  if (exponent === undefined) throw new OpError(node, 'the attribute exponent is missing');
  return (x) => x ** exponent;
}

/** Of what a number below 0 has no such power, or 0 none. */
function base(node: Node): Wanted | undefined {
  const exponent = numberAttr(node, 'exponent', 1);
  if (exponent < 0) return atLeast(1e-3);
  return Number.isInteger(exponent) ? undefined : atLeast(0);
}

function atLeast(low: number): Wanted {
  return { low, high: Number.POSITIVE_INFINITY, whole: false };
}

function unarySpec(op: string, unary: Unary): OpSpec {
  return {
    op,
    inputs: [1, 1],
    infer(x) {
      const { node } = x;
      const input = requiredInput(x, 0, 'x');
      const { takes = 'float' } = unary;
      if (takes !== 'any') expectKind(node, input, takes, 'x');
      if (op === 'Dropout') checkRatio(node);
      unary.map(node);
      return [outputSpec(node, input.dtype, input.shape)];
    },
    channels(_node, ctx) {
      ctx.setOutput(0, ctx.input(0));
    },
    cost({ node, outputs }) {
      return { macs: 0, mmrazor: unary.counted?.(node) ? countedElements(outputs[0].shape) : 0 };
    },
    byRows: broadcastRows,
    ...(unary.view && { view: unary.view }),
    ...(unary.saturates && { saturates: unary.saturates }),
    ...(unary.probabilities && { probabilities: unary.probabilities }),
    ...(unary.compose && { compose: (node: Node, c: Composer) => unary.compose!(c, node.inputs[0], node) }),
    ...(unary.wants && { wants: ({ node }: InferInput) => unary.wants?.(node) }),
    evaluate(node, inputs) {
      const x = requiredTensor(node, inputs, 0);
      return [{ dtype: x.dtype, shape: x.shape, data: x.data.map(heldResults(x.dtype, unary.map(node))) }];
    },
  };
}

function checkRatio(node: Node): void {
  const ratio = numberAttr(node, 'ratio', 0.5);
  if (!(ratio >= 0 && ratio < 1)) throw new OpError(node, `ratio must be from 0 to below 1, got ${ratio}`);
}

export const ACTIVATION_OPS: readonly OpSpec[] = Object.entries(UNARY).map(([op, unary]) => unarySpec(op, unary));
