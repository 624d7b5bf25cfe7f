import { elementCount } from '../../../graph/tensor.js';
import type { NodeLowering } from '../lowering.js';
import { lowerOpaque } from '../opaque.js';
import { windowAttrs } from './convolution.js';
import type { OnnxOp, OnnxOpTable } from './onnx-op.js';

function poolAttrs(n: NodeLowering) {
  const kernel = n.attrs.ints('kernel_shape');
  if (!kernel) throw n.invalid('the attribute kernel_shape is missing');
  const ceil = n.attrs.int('ceil_mode') ?? 0;
  return { ...windowAttrs(n), kernel_shape: kernel, ...(ceil ? { ceil_mode: 1 } : {}) };
}

const maxPool: OnnxOp = {
  lower(n) {
    if (n.wants(1)) lowerOpaque(n, 'it gives the indices of the maxima');
    else n.result(n.emit('MaxPool', [n.value(0)], poolAttrs(n)));
  },
};

const averagePool: OnnxOp = {
  lower(n) {
    const count_include_pad = n.attrs.int('count_include_pad') ?? 0;
    n.result(n.emit('AveragePool', [n.value(0)], { ...poolAttrs(n), count_include_pad }));
  },
};

/** The p-norm of each window: its mean of powers, times its size. */
const lpPool: OnnxOp = {
  lower(n) {
    const attrs = poolAttrs(n);
    if ('ceil_mode' in attrs) return lowerOpaque(n, 'its last windows are partly outside');
    const p = n.attrs.int('p') ?? 2;
    const powers = n.emit('Pow', [n.emit('Abs', [n.value(0)])], { exponent: p });
    const means = n.emit('AveragePool', [powers], { ...attrs, count_include_pad: 1 });
    const sums = n.emit('Mul', [means, n.literal([elementCount(attrs.kernel_shape)], [])]);
    n.result(n.emit('Pow', [sums], { exponent: 1 / p }));
  },
};

const globalLpPool: OnnxOp = {
  lower(n) {
    const p = n.attrs.int('p') ?? 2;
    const axes = Array.from({ length: n.rank(0) - 2 }, (_, i) => i + 2);
    const powers = n.emit('Pow', [n.emit('Abs', [n.value(0)])], { exponent: p });
    n.result(n.emit('Pow', [n.emit('ReduceSum', [powers], { axes, keepdims: 1 })], { exponent: 1 / p }));
  },
};

const global = (op: string): OnnxOp => ({ lower: (n) => n.result(n.emit(op, [n.value(0)])) });

export const POOLS: OnnxOpTable = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  LpPool: lpPool,
  GlobalAveragePool: global('GlobalAveragePool'),
  GlobalMaxPool: global('GlobalMaxPool'),
  GlobalLpPool: globalLpPool,
};
