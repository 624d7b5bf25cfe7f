import { getExtent } from '../../../graph/dims.js';
import { flagAttr, intsAttr } from '../../../graph/ops/attributes.js';
import { averagePoolCounts } from '../../../graph/ops/pooling.js';
import { resolveWindow, type Window } from '../../../graph/ops/window.js';
import { elementCount } from '../../../graph/tensor.js';
import { coveringPads } from '../../covering-pads.js';
import type { LoweringTable, NodeLowering } from '../lowering.js';
import type { OnnxAttrs } from '../model-builder.js';
import { sameOp } from './activation.js';
import { concreteSpatial, unresolvedWindowAttrs, windowAttrs } from './convolution.js';

export interface MaxPoolInput {
  readonly value: string;
  readonly attrs: OnnxAttrs;
  /** The window's leading padding, where `value` has its padding written out. */
  readonly padded: readonly number[] | undefined;
}

/**
 * What a max pool reads. It pads with the lowest value, so that windows of `ceil_mode` are just windows with padding.
 * onnxruntime wants pads below the kernel's extent; a dilated window may have more, which are then written out.
 */
export function maxPoolInput(x: NodeLowering, window: Window<number>, spatial: readonly number[]): MaxPoolInput {
  const [input] = x.inputs;
  const end = coveringPads(window, spatial);
  const fits = window.kernel.every((k, i) => window.padsBegin[i] < k && end[i] < k);
  if (fits) return { value: input, attrs: windowAttrs(window, end), padded: undefined };
  const pads = x.ints([0, 0, ...window.padsBegin, 0, 0, ...end]);
  const value = x.op('Pad', [input, pads, x.constant([Number.NEGATIVE_INFINITY])]);
  const none = end.map(() => 0);
  return { value, attrs: windowAttrs({ ...window, padsBegin: none }, none), padded: window.padsBegin };
}

function unresolvedPoolAttrs(x: NodeLowering, kernel: readonly number[]): OnnxAttrs {
  return { ...unresolvedWindowAttrs(x.node, kernel), ceil_mode: flagAttr(x.node, 'ceil_mode', false) ? 1 : 0 };
}

/** What each window of an average pool divides by, the reciprocal, as a constant that broadcasts over `[N, C, …]`. */
export function reciprocalCounts(x: NodeLowering, window: Window<number>, spatial: readonly number[]): string {
  const counts = averagePoolCounts(window, spatial, flagAttr(x.node, 'count_include_pad', false));
  return x.constant(
    Array.from(counts, (count) => 1 / count),
    [1, 1, ...window.output],
  );
}

/** Sums each window: a convolution with ones, one channel at a time. For geometries that ONNX's AveragePool lacks. */
function averagePoolByConv(x: NodeLowering, window: Window<number>, spatial: readonly number[]): void {
  const channels = getExtent(x.inputSpec(0).shape, 1);
  const planes = x.reshape(x.inputs[0], [-1, 1, ...spatial]);
  const ones = x.constant(new Array<number>(elementCount(window.kernel)).fill(1), [1, 1, ...window.kernel]);
  const sums = x.op('Conv', [planes, ones], windowAttrs(window, coveringPads(window, spatial)));
  x.result('Mul', [x.reshape(sums, [-1, channels, ...window.output]), reciprocalCounts(x, window, spatial)]);
}

export const POOLS: LoweringTable = {
  GlobalAveragePool: sameOp('GlobalAveragePool'),
  GlobalMaxPool: sameOp('GlobalMaxPool'),
  MaxPool: (x) => {
    const kernel = intsAttr(x.node, 'kernel_shape');
    const spatial = concreteSpatial(x.inputSpec(0).shape);
    if (!spatial) {
      x.result('MaxPool', x.inputs, unresolvedPoolAttrs(x, kernel));
      return;
    }
    const { value, attrs } = maxPoolInput(x, resolveWindow(x.node, spatial, kernel), spatial);
    x.result('MaxPool', [value], attrs);
  },
  AveragePool: (x) => {
    const kernel = intsAttr(x.node, 'kernel_shape');
    const spatial = concreteSpatial(x.inputSpec(0).shape);
    const window = spatial && resolveWindow(x.node, spatial, kernel);
    const overhangs = window && coveringPads(window, spatial).some((pad, i) => pad > window.padsEnd[i]);
    if (window && (overhangs || window.dilations.some((d) => d > 1))) {
      averagePoolByConv(x, window, spatial);
      return;
    }
    // AveragePool has no dilations in this opset.
    const { dilations: _, ...attrs } = window ? windowAttrs(window) : unresolvedPoolAttrs(x, kernel);
    const count_include_pad = flagAttr(x.node, 'count_include_pad', false) ? 1 : 0;
    x.result('AveragePool', x.inputs, { ...attrs, count_include_pad });
  },
};
