import type { NodeLowering } from '../lowering.js';
import { lowerOpaque } from '../opaque.js';
import type { OnnxOp, OnnxOpTable } from './onnx-op.js';

const epsilon = (n: NodeLowering) => ({ epsilon: n.attrs.float('epsilon') ?? 1e-5 });

/** With running statistics, whatever mode the file was exported in. */
const batchNormalization: OnnxOp = {
  lower(n) {
    if (n.attrs.int('spatial') === 0) return lowerOpaque(n, 'it has statistics for every place (spatial = 0)');
    const training =
      n.opset >= 14 ? n.attrs.int('training_mode') === 1 : n.node.output.slice(1).some((name) => name !== '');
    if (training)
      n.warn('TRAIN_MODE_EXPORT', 'exported for training; it is read as in evaluation, with its running statistics');
    const tuple = [1, 2, 3, 4];
    const weights = tuple.map((i) => n.weight(i, tuple, i < 3 ? 'parameter' : 'statistic'));
    const momentum = n.attrs.float('momentum') ?? 0.9;
    n.result(n.emit('BatchNormalization', [n.value(0), ...weights], { ...epsilon(n), momentum }));
    // The new running statistics of a training step: in evaluation, those there are.
    for (const [output, input] of [
      [1, 3],
      [2, 4],
    ] as const) {
      if (n.wants(output)) n.result(n.emit('Identity', [weights[input - 1]]), output);
    }
    if (n.wants(3) || n.wants(4)) throw n.unsupported('something reads the statistics of its batch');
  },
};

/** The mean of each sample's layer, and one over its deviation. */
function layerStatistics(n: NodeLowering, first: number): void {
  const axes = Array.from({ length: n.rank(0) - first }, (_, i) => first + i);
  const mean = n.emit('ReduceMean', [n.value(0)], { axes, keepdims: 1 });
  const centered = n.emit('Sub', [n.value(0), mean]);
  const variance = n.emit('ReduceMean', [n.emit('Mul', [centered, centered])], { axes, keepdims: 1 });
  const shifted = n.emit('Add', [variance, n.literal([epsilon(n).epsilon], [])]);
  n.result(mean, 1);
  n.result(n.emit('Reciprocal', [n.emit('Sqrt', [shifted])]), 2);
}

const layerNormalization: OnnxOp = {
  lower(n) {
    const weights = [1, ...(n.has(2) ? [2] : [])].map((i) => n.weight(i, [1, 2]));
    const axis = n.attrs.int('axis') ?? -1;
    n.result(n.emit('LayerNormalization', [n.value(0), ...weights], { ...epsilon(n), axis }));
    if (n.wants(1) || n.wants(2)) layerStatistics(n, n.axis(axis, n.rank(0)));
  },
};

const instanceNormalization: OnnxOp = {
  lower(n) {
    const weights = [1, 2].map((i) => n.weight(i, [1, 2]));
    n.result(n.emit('InstanceNormalization', [n.value(0), ...weights], epsilon(n)));
  },
};

const groupNormalization: OnnxOp = {
  lower(n) {
    const groups = n.attrs.int('num_groups');
    if (groups === undefined) throw n.invalid('the attribute num_groups is missing');
    // Before opset 21 scale and bias were those of groups.
    if (n.opset < 21 && n.shape(0)[1] !== groups) return lowerOpaque(n, 'its scale is one a group');
    const weights = [1, 2].map((i) => n.weight(i, [1, 2]));
    n.result(n.emit('GroupNormalization', [n.value(0), ...weights], { ...epsilon(n), num_groups: groups }));
  },
  patch(p) {
    const [before, after] = [p.before().attrs.num_groups, p.after().attrs.num_groups];
    if (before !== after) p.setInt('num_groups', Number(after));
  },
};

/** x / (bias + alpha · mean of the squares of `size` neighbouring channels) ^ beta, where channels are a pool's plane. */
const lrn: OnnxOp = {
  lower(n) {
    const size = n.attrs.int('size');
    if (size === undefined || size < 1) throw n.invalid(`size must be a number from 1, got ${size}`);
    const x = n.value(0);
    const { shape } = n.specOf(x);
    const squares = n.emit('Mul', [x, x]);
    const planes = n.reshaped(squares, [shape[0], 1, ...shape.slice(1)]);
    const before = Math.floor((size - 1) / 2);
    const none = shape.slice(2).map(() => 0);
    const means = n.emit('AveragePool', [planes], {
      kernel_shape: [size, ...none.map(() => 1)],
      pads: [before, ...none, size - 1 - before, ...none],
      count_include_pad: 1,
    });
    const scaled = n.emit('Mul', [n.reshaped(means, shape), n.literal([n.attrs.float('alpha') ?? 1e-4], [])]);
    const base = n.emit('Add', [scaled, n.literal([n.attrs.float('bias') ?? 1], [])]);
    n.result(n.emit('Div', [x, n.emit('Pow', [base], { exponent: n.attrs.float('beta') ?? 0.75 })]));
  },
};

export const NORMALIZATIONS: OnnxOpTable = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  LRN: lrn,
};
