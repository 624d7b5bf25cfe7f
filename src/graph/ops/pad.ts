import { type AxisChannels, type ChannelContext, FIXED } from '../channels.js';
import { formatShape, getExtents } from '../dims.js';
import type { Dim, Node, Shape } from '../graph.js';
import { OpError, type OpSpec } from '../op-spec.js';
import { elementCount, rowMajorStrides } from '../tensor.js';
import { choiceAttr, intsAttr, numberAttr } from './attributes.js';
import { outputSpec, requiredInput, requiredTensor } from './checks.js';
import { channelReason } from './reasons.js';

const MODES = ['constant', 'reflect', 'edge'] as const;
type Mode = (typeof MODES)[number];

const pad: OpSpec = {
  op: 'Pad',
  inputs: [1, 1],
  byRows: (node, [shape]) => [padsOf(node, shape)[0].every((pad) => pad === 0)],

  infer(x) {
    const input = requiredInput(x, 0, 'x');
    numberAttr(x.node, 'value', 0);
    return [outputSpec(x.node, input.dtype, paddedShape(x.node, input.shape))];
  },

  channels(node, ctx) {
    const shape = ctx.inputShape(0);
    const pads = padsOf(node, shape);
    ctx.setOutput(
      0,
      ctx.input(0).map((axis, i) => paddedChannels(node, ctx, axis, pads[i])),
    );
  },

  evaluate(node, inputs) {
    const x = requiredTensor(node, inputs, 0);
    const shape = getExtents(paddedShape(node, x.shape));
    const value = numberAttr(node, 'value', 0);
    const strides = rowMajorStrides(x.shape);
    const sources = x.shape.map((extent, axis) => padSources(node, axis, extent));
    const data = new Float64Array(elementCount(shape));
    const index = new Array<number>(shape.length).fill(0);
    for (let i = 0; i < data.length; i++) {
      let from = 0;
      for (let axis = 0; axis < shape.length && from >= 0; axis++) {
        const source = sources[axis][index[axis]];
        from = source < 0 ? -1 : from + source * strides[axis];
      }
      data[i] = from < 0 ? value : x.data[from];
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        if (++index[axis] < shape[axis]) break;
        index[axis] = 0;
      }
    }
    return [{ dtype: x.dtype, shape, data }];
  },
};

function padMode(node: Node): Mode {
  return choiceAttr(node, 'mode', MODES, 'constant');
}

/** [begin, end] of each axis; negative ones crop. */
function padsOf(node: Node, shape: Shape): [number, number][] {
  const pads = intsAttr(node, 'pads');
  const rank = shape.length;
  if (pads.length !== 2 * rank) throw new OpError(node, `pads must be ${2 * rank} numbers, got [${pads}]`);
  return shape.map((_, axis) => [pads[axis], pads[rank + axis]]);
}

function paddedShape(node: Node, shape: Shape): Dim[] {
  const mode = padMode(node);
  return padsOf(node, shape).map(([begin, end], axis) => {
    const extent = shape[axis];
    if (begin === 0 && end === 0) return extent;
    if (typeof extent === 'string') {
      if (axis === 0) throw new OpError(node, `the batch of ${formatShape(shape)} can not be padded`);
      return `pad(${extent} ${begin + end})`;
    }
    if (mode === 'reflect' && (begin >= extent || end >= extent)) {
      throw new OpError(node, `reflecting pads ${begin} and ${end} must be below the extent ${extent} of axis ${axis}`);
    }
    return extent + begin + end;
  });
}

/** For each index of a padded axis, the input index that it takes, or -1 for the constant. */
export function padSources(node: Node, axis: number, extent: number): Int32Array {
  const pads = intsAttr(node, 'pads');
  const begin = pads[axis];
  const length = extent + begin + pads[pads.length / 2 + axis];
  const mode = padMode(node);
  return Int32Array.from({ length }, (_, i) => sourceIndex(i - begin, extent, mode));
}

/** The input index that an index of the padded axis takes, or -1 for the constant. */
function sourceIndex(i: number, extent: number, mode: Mode): number {
  if (i >= 0 && i < extent) return i;
  if (mode === 'constant') return -1;
  if (mode === 'edge') return i < 0 ? 0 : extent - 1;
  return i < 0 ? -i : 2 * (extent - 1) - i;
}

/** Added indices never go. Where indices are cropped or copied, their places matter and the whole axis stays. */
function paddedChannels(
  node: Node,
  ctx: ChannelContext,
  axis: AxisChannels,
  [begin, end]: readonly [number, number],
): AxisChannels {
  if (axis === FIXED || (begin === 0 && end === 0)) return axis;
  if (begin < 0 || end < 0 || padMode(node) !== 'constant') {
    ctx.freeze(axis, channelReason('PADDED_AXIS', node));
    return FIXED;
  }
  const added = ctx.fresh(begin + end);
  ctx.freeze(added, channelReason('PADDING', node));
  const padded = new Int32Array(begin + axis.length + end);
  padded.set(added.subarray(0, begin));
  padded.set(axis, begin);
  padded.set(added.subarray(begin), begin + axis.length);
  return padded;
}

export const PAD_OPS: readonly OpSpec[] = [pad];
