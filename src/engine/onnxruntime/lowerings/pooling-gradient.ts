import { getExtent, getExtents } from '../../../graph/dims.js';
import { intsAttr } from '../../../graph/ops/attributes.js';
import { resolveWindow } from '../../../graph/ops/window.js';
import { elementCount } from '../../../graph/tensor.js';
import { coveringPads } from '../../covering-pads.js';
import type { LoweringTable } from '../lowering.js';
import { emitInputGradient } from './convolution-gradient.js';
import { maxPoolInput, reciprocalCounts } from './pooling.js';

export const POOL_GRADIENTS: LoweringTable = {
  /** The pool again, for the indices of its maxima: the first of equals, into the flattened input. */
  MaxPoolGrad: (x) => {
    const dy = x.inputs[2];
    const spatial = getExtents(x.inputSpec(0).shape.slice(2));
    const window = resolveWindow(x.node, spatial, intsAttr(x.node, 'kernel_shape'));
    const { value, attrs, padded } = maxPoolInput(x, window, spatial);
    const [, indices] = x.ops('MaxPool', [value], 2, attrs);
    const shape = x.op('Shape', [value]);
    const zeros = x.op('Expand', [x.constant([0], [1]), x.op('ReduceProd', [shape], { keepdims: 1 })]);
    const flat = x.op('ScatterElements', [zeros, x.reshape(indices, [-1]), x.reshape(dy, [-1])], {
      axis: 0,
      reduction: 'add',
    });
    if (!padded) {
      x.result('Reshape', [flat, shape]);
      return;
    }
    const ends = spatial.map((extent, i) => padded[i] + extent);
    const axes = spatial.map((_, i) => i + 2);
    x.result('Slice', [x.op('Reshape', [flat, shape]), x.ints(padded), x.ints(ends), x.ints(axes)]);
  },
  /** Each gradient's share, put back by the gradient of a convolution with ones, one channel at a time. */
  AveragePoolGrad: (x) => {
    const channels = getExtent(x.inputSpec(0).shape, 1);
    const spatial = intsAttr(x.node, 'spatial');
    const window = resolveWindow(x.node, spatial, intsAttr(x.node, 'kernel_shape'));
    const shares = x.op('Mul', [x.inputs[0], reciprocalCounts(x, window, spatial)]);
    const planes = x.reshape(shares, [-1, 1, ...window.output]);
    const ones = x.constant(new Array<number>(elementCount(window.kernel)).fill(1), [1, 1, ...window.kernel]);
    const fitting = { ...window, padsEnd: coveringPads(window, spatial) };
    const dx = emitInputGradient(x, planes, ones, { window: fitting, spatial, groups: 1, inputs: 1, outputs: 1 });
    x.result('Reshape', [dx, x.ints([-1, channels, ...spatial])]);
  },
};
