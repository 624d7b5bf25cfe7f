import { intAttr, numberAttr, optionalNumberAttr } from '../../../graph/ops/attributes.js';
import { normalizeAxis } from '../../../graph/ops/checks.js';
import { broadcast, elementwise, type Kernel, type KernelTable } from '../kernel.js';
import type { DeviceTensor, TF } from '../value.js';

type OfOne = 'relu' | 'sigmoid' | 'tanh' | 'exp' | 'log' | 'sqrt' | 'neg' | 'abs' | 'erf' | 'reciprocal' | 'clone';

/** Functions of one element that tfjs-core has, without attributes. */
const sameOp = (name: OfOne): Kernel => elementwise((t, { tf }) => tf[name](t));

/** `alpha (exp(x) - 1)` below 0, exact near it. */
const elu = (tf: TF, t: DeviceTensor, alpha: number): DeviceTensor =>
  tf.add(tf.relu(t), tf.mul(tf.expm1(tf.minimum(t, 0)), alpha));

/** Not tfjs-core's, whose backends cut it off in ways of their own. */
const softplus = (tf: TF, t: DeviceTensor): DeviceTensor => tf.add(tf.relu(t), tf.log1p(tf.exp(tf.neg(tf.abs(t)))));

/** Along any axis, where tfjs-core has only the last. */
const softmax =
  (finish: (tf: TF, shifted: DeviceTensor, sum: DeviceTensor) => DeviceTensor): Kernel =>
  (x) => {
    const { tf } = x;
    const input = x.input(0);
    const axis = normalizeAxis(x.node, intAttr(x.node, 'axis', -1), input.rank);
    const shifted = tf.sub(input, tf.max(input, axis, true));
    return finish(tf, shifted, tf.sum(tf.exp(shifted), axis, true));
  };

export const ACTIVATIONS: KernelTable = {
  Relu: sameOp('relu'),
  Sigmoid: sameOp('sigmoid'),
  Tanh: sameOp('tanh'),
  Identity: sameOp('clone'),
  Exp: sameOp('exp'),
  Log: sameOp('log'),
  Sqrt: sameOp('sqrt'),
  Neg: sameOp('neg'),
  Abs: sameOp('abs'),
  // The IR's Dropout is that of inference; training steps multiply by a mask.
  Dropout: sameOp('clone'),
  Erf: sameOp('erf'),
  Reciprocal: sameOp('reciprocal'),
  Elu: elementwise((t, { tf, node }) => elu(tf, t, numberAttr(node, 'alpha', 1))),
  Softplus: elementwise((t, { tf }) => softplus(tf, t)),
  Pow: elementwise((t, { tf, node }) => tf.pow(t, numberAttr(node, 'exponent', 1))),
  PRelu: broadcast(([t, slope], { tf }) => tf.add(tf.relu(t), tf.mul(tf.minimum(t, 0), slope))),
  LeakyRelu: elementwise((t, { tf, node }) => tf.leakyRelu(t, numberAttr(node, 'alpha', 0.01))),
  Clip: elementwise((t, { tf, node }) => {
    const min = optionalNumberAttr(node, 'min');
    const max = optionalNumberAttr(node, 'max');
    const above = min === undefined ? t : tf.maximum(t, tf.scalar(min, t.dtype as 'float32'));
    return max === undefined ? above : tf.minimum(above, tf.scalar(max, t.dtype as 'float32'));
  }),
  Softmax: softmax((tf, shifted, sum) => tf.div(tf.exp(shifted), sum)),
  LogSoftmax: softmax((tf, shifted, sum) => tf.sub(shifted, tf.log(sum))),
};
