import { type AxisChannels, type ChannelContext, FIXED } from '../channels.js';
import { getExtents, isBound } from '../dims.js';
import type { Node, Shape } from '../graph.js';
import { elementCount } from '../tensor.js';
import { channelReason } from './reasons.js';
import { type ReshapeBlock, reshapeBlocks } from './reshape-blocks.js';

/**
 * Channels through a reshape, block by block. Within a block of several axes at most one input axis may have channels:
 * `[C, H, W]` to `[C*H*W]` gives each feature the channel it came from. Several output axes share a block out again:
 * the channels go to the one axis along which they vary, and where they vary along more, ties make them equal across the
 * others (`[C]` to `[G, K]`: position k of every group).
 */
export function reshapeChannels(node: Node, ctx: ChannelContext): void {
  const from = ctx.inputShape(0);
  const to = ctx.outputShape(0);
  const input = ctx.input(0);
  const output = new Array<AxisChannels>(to.length).fill(FIXED);
  for (const block of reshapeBlocks(from, to)) {
    if (block.inTo - block.inFrom === 1 && block.outTo - block.outFrom === 1) {
      output[block.outFrom] = input[block.inFrom];
      continue;
    }
    const flat = mergeBlock(node, ctx, block);
    if (flat === FIXED) continue;
    const extents = getExtents(to.slice(block.outFrom, block.outTo));
    const best = chooseAxis(ctx, flat, extents);
    output[block.outFrom + best] = spread(ctx, flat, extents, best);
  }
  ctx.setOutput(0, output);
}

/** The channel of each element of a block, in row-major order of its input axes; FIXED, after freezing, if not known. */
function mergeBlock(node: Node, ctx: ChannelContext, block: ReshapeBlock): AxisChannels {
  const shape: Shape = ctx.inputShape(0).slice(block.inFrom, block.inTo);
  const axes = ctx.input(0).slice(block.inFrom, block.inTo);
  const open: number[] = [];
  axes.forEach((axis, i) => {
    if (axis === FIXED || ctx.isFixed(axis)) return;
    if (shape[i] === 1) ctx.freeze(axis, channelReason('SQUEEZED_AXIS', node));
    else open.push(i);
  });
  if (open.length > 1 || !isBound(shape)) {
    for (const i of open) ctx.freeze(axes[i], channelReason('MERGED_AXES', node));
    return FIXED;
  }
  if (open.length === 0) return FIXED;
  const [at] = open;
  const channels = axes[at] as Int32Array;
  const total = elementCount(shape);
  const inner = elementCount(shape.slice(at + 1));
  const flat = new Int32Array(total);
  for (let start = 0, c = 0; start < total; start += inner, c = c + 1 === channels.length ? 0 : c + 1) {
    flat.fill(channels[c], start, start + inner);
  }
  return flat;
}

/** The axis that keeps the most channels apart: the exact one where there is one. Of equals the last. */
function chooseAxis(ctx: ChannelContext, flat: Int32Array, extents: readonly number[]): number {
  if (extents.length === 1) return 0;
  const classes = ctx.resolve(flat);
  let best = 0;
  let most = 0;
  extents.forEach((extent, axis) => {
    if (extent === 1) return;
    const count = countClasses(classes, extents, axis);
    if (count >= most) {
      most = count;
      best = axis;
    }
  });
  return best;
}

/** How many channels stay distinct once all elements with the same coordinate on `axis` are one. */
function countClasses(classes: Int32Array, extents: readonly number[], axis: number): number {
  const parent = Int32Array.from({ length: extents[axis] }, (_, i) => i);
  const root = (i: number): number => {
    while (parent[i] !== i) {
      parent[i] = parent[parent[i]];
      i = parent[i];
    }
    return i;
  };
  const owner = new Map<number, number>();
  let count = extents[axis];
  forCoordinates(extents, axis, (coordinate, at) => {
    const seen = owner.get(classes[at]);
    if (seen === undefined) {
      owner.set(classes[at], coordinate);
      return;
    }
    const [a, b] = [root(seen), root(coordinate)];
    if (a !== b) {
      parent[a] = b;
      count--;
    }
  });
  return count;
}

/** One channel a coordinate of `axis`, tied to all elements that share the coordinate. */
function spread(ctx: ChannelContext, flat: Int32Array, extents: readonly number[], axis: number): Int32Array {
  if (extents.length === 1) return flat;
  const channels = new Int32Array(extents[axis]);
  const seen = new Uint8Array(extents[axis]);
  const left: number[] = [];
  const right: number[] = [];
  forCoordinates(extents, axis, (coordinate, at) => {
    if (!seen[coordinate]) {
      seen[coordinate] = 1;
      channels[coordinate] = flat[at];
    } else if (channels[coordinate] !== flat[at]) {
      left.push(channels[coordinate]);
      right.push(flat[at]);
    }
  });
  if (left.length > 0) ctx.tie(Int32Array.from(left), Int32Array.from(right));
  return channels;
}

/** Calls back for every element of a row-major shape, with its coordinate on one axis and its offset. */
function forCoordinates(extents: readonly number[], axis: number, f: (coordinate: number, at: number) => void): void {
  const total = extents.reduce((p, d) => p * d, 1);
  const inner = extents.slice(axis + 1).reduce((p, d) => p * d, 1);
  for (let at = 0; at < total; at++) f(Math.floor(at / inner) % extents[axis], at);
}
