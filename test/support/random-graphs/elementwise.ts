/** Steps that take channels one by one, or mix them without weights. */
import { type Network, pick, type StepKind } from './network.js';

const ACTIVATIONS = [
  ['Relu', {}],
  ['LeakyRelu', { alpha: 0.1 }],
  ['Sigmoid', {}],
  ['Tanh', {}],
  ['Clip', { min: 0, max: 6 }],
  ['Elu', { alpha: 0.5 }],
  ['Selu', {}],
  ['Gelu', {}],
  ['Gelu', { approximate: 'tanh' }],
  ['HardSigmoid', {}],
  ['HardSwish', {}],
  ['Softplus', {}],
  ['Softsign', {}],
  ['Mish', {}],
  ['Erf', {}],
] as const;

export const activation: StepKind = (net, x, { a, b }) => {
  const [op, attrs] = pick(ACTIVATIONS, a + b);
  return net.op(op, [x], attrs);
};

/** 1/(1 + x²), or the exponential of what is small. */
export const bell: StepKind = (net, x, { a }) => {
  if (a % 2 === 1) return net.op('Exp', [net.op('Tanh', [x])]);
  return net.op('Reciprocal', [net.op('Add', [net.op('Pow', [x], { exponent: 2 }), net.scalar(1)])]);
};

/** Another map of the same shape, or one made to fit. */
export function partner(net: Network, x: string, number: number): string {
  const shape = net.shape(x).join();
  const fitting = net.others(x, (other) => other.join() === shape);
  if (fitting.length > 0 && number % 4 !== 3) return pick(fitting, number);
  return net.project(x, net.channels(x));
}

/** With a map of the same shape; products are tamed, so that numbers stay where sums are exact enough. */
export const sum: StepKind = (net, x, { a, b }) => {
  const op = pick(['Add', 'Sub', 'Mul', 'Min', 'Max', 'Add'], a);
  const other = partner(net, x, b);
  return net.op(op, [x, op === 'Mul' ? net.op('Tanh', [other]) : other]);
};

/** With numbers of the model: one a channel, one for all, one a place, or one an element. */
export const withConstant: StepKind = (net, x, { a, b }) => {
  const [, channels, height, width] = net.shape(x);
  const shapes = [[channels, 1, 1], [1, channels, 1, 1], [1, 1, 1], [], [height, width], [channels, height, width]];
  return net.op(pick(['Add', 'Mul'], b), [x, net.sketch.literal(net.layer('literal'), ...pick(shapes, a))]);
};

/** Squeeze and excite, to a gate for each channel or for all. */
export const gate: StepKind = (net, x, { a, b, c }) => {
  const { sketch } = net;
  const squeezed = net.op('GlobalAveragePool', [x]);
  const hidden = net.op('Relu', [net.project(squeezed, 2 + (a % 3))]);
  const excited = net.op(pick(['Sigmoid', 'HardSigmoid'], c), [
    net.project(hidden, pick([net.channels(x), net.channels(x), 1], b)),
  ]);
  if (c % 3 !== 2) return net.op('Mul', [x, excited]);
  // As a vector in between.
  const vector = sketch.dense(net.layer('fc'), sketch.flatten(squeezed), net.channels(x));
  return net.op('Mul', [x, net.reshape(net.op('Sigmoid', [vector]), 0, net.channels(x), 1, 1)]);
};

const REDUCTIONS = ['ReduceMean', 'ReduceSum', 'ReduceMax'];

/** What is reduced over the channels, over all or over one side of the planes gates them, or is taken off. */
export const reduced: StepKind = (net, x, { a, b, c }) => {
  const axes = pick([[1], [-3], [1, 2, 3], [2], [3]], b);
  const squeezed = net.op(pick(REDUCTIONS, a), [x], { axes, keepdims: 1 });
  const gated = net.op('Sigmoid', [squeezed]);
  return pick(
    [
      () => net.op('Mul', [x, gated]),
      () => net.op('Sub', [x, squeezed]),
      () => net.op('Mul', [x, net.op('Expand', [gated], { shape: net.shape(x).slice(1) })]),
    ],
    c,
  )();
};

/** Mean and maximum over the channels, one convolution, a gate for each place (CBAM). */
export const placeGate: StepKind = (net, x) => {
  const maps = ['ReduceMean', 'ReduceMax'].map((op) => net.op(op, [x], { axes: [1], keepdims: 1 }));
  return net.op('Mul', [x, net.op('Sigmoid', [net.sketch.conv(net.layer('place'), net.concat(maps), 1)])]);
};

/** Over the channels, or over one side of the planes. */
export const softmax: StepKind = (net, x, { a }) =>
  net.op(pick(['Softmax', 'LogSoftmax'], a), [x], { axis: pick([1, -1], a) });

export const dropout: StepKind = (net, x) => net.op('Dropout', [x], { ratio: 0.3 });

/** A map where another is positive, else its own negative or a third. */
export const where: StepKind = (net, x, { a, b }) => {
  const condition = net.op('Greater', [partner(net, x, a), net.scalar(0)]);
  return net.op('Where', [condition, x, b % 2 === 0 ? net.op('Neg', [x]) : partner(net, x, b)]);
};
