import { isBound } from '../../../graph/dims.js';
import { reshapedWithBatch } from '../batch.js';
import { axesOf, unsqueezed } from '../folding/index.js';
import type { NodeLowering } from '../lowering.js';
import { lowerOpaque } from '../opaque.js';
import type { NodePatch } from '../write/node-patch.js';
import type { OnnxOp, OnnxOpTable } from './onnx-op.js';

/** The batch stays an axis of its own, also where the file merges it with others: channels can then be told apart. */
const reshape: OnnxOp = {
  lower(n) {
    const requested = n.known(1)?.entries;
    if (!requested) return lowerOpaque(n, 'its shape is computed as it runs');
    const { value } = n.unmerged(0);
    const from = n.specOf(value).shape;
    const allowZero = n.attrs.int('allowzero') === 1;
    const { shape, groups } = reshapedWithBatch(n.label, from, n.shape(0), requested, allowZero, n.batch);
    n.result(n.reshaped(value, shape), 0, shape.length === groups.length ? undefined : groups);
  },
  patch(p) {
    const before = p.outputBefore(0);
    const after = p.outputAfter(0);
    const input = p.inputAfter(0);
    p.setExtents(1, (entry, i) => {
      if (entry === -1 || before[i] === after[i]) return entry;
      return entry === 0 && input[i] === after[i] ? entry : after[i];
    });
  },
};

const transpose: OnnxOp = {
  lower(n) {
    const { value, groups } = n.unmerged(0);
    const perm = n.attrs.ints('perm') ?? groups.map((_, i) => groups.length - 1 - i);
    if (perm.length !== groups.length || !groups.every((_, i) => perm.includes(i))) {
      throw n.invalid(`perm [${perm}] is no permutation of ${groups.length} axes`);
    }
    const moved = perm.map((axis) => groups[axis]);
    let at = 0;
    const own = moved.map((axes) => axes.map(() => at++));
    const merged = own.some((axes) => axes.length !== 1);
    n.result(n.emit('Transpose', [value], { perm: moved.flat() }), 0, merged ? own : undefined);
  },
};

const flatten: OnnxOp = {
  lower: (n) => n.result(n.emit('Flatten', [n.value(0)], { axis: n.attrs.int('axis') ?? 1 })),
};

const squeeze: OnnxOp = {
  lower(n) {
    const shape = n.shape(0);
    if (n.has(1) && !n.known(1)?.numbers) return lowerOpaque(n, 'its axes are computed as it runs');
    const axes = axesOf(n.attrs, n.known(1))?.map((axis) => n.axis(axis, shape.length));
    if (axes?.some((axis) => shape[axis] !== 1)) throw n.unsupported(`axes [${axes}] of [${shape}] are not all 1`);
    // Without axes, every 1 of the file goes: the batch of 1 too.
    if (!axes && n.batch.open && n.batch.extent === 1)
      throw n.unsupported('it removes every axis of 1, so the batch too');
    n.result(
      n.reshaped(
        n.value(0),
        shape.filter((d, i) => (axes ? !axes.includes(i) : d !== 1)),
      ),
    );
  },
};

const unsqueeze: OnnxOp = {
  lower(n) {
    const axes = axesOf(n.attrs, n.known(1));
    if (!axes) return lowerOpaque(n, 'its axes are computed as it runs');
    n.result(n.reshaped(n.value(0), unsqueezed(n, n.shape(0), axes)));
  },
};

/** Blocks of channels become blocks of places: a reshape, a transpose and a reshape. */
const depthToSpace: OnnxOp = {
  lower(n) {
    const block = blockSize(n);
    const [batch, channels, height, width] = planes(n);
    const depth = channels / block ** 2;
    if (!Number.isInteger(depth)) throw n.invalid(`${channels} channels do not make blocks of ${block}`);
    const crd = n.attrs.string('mode') === 'CRD';
    const split = n.reshaped(
      n.value(0),
      crd ? [batch, depth, block, block, height, width] : [batch, block, block, depth, height, width],
    );
    const moved = n.emit('Transpose', [split], { perm: crd ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2] });
    n.result(n.reshaped(moved, [batch, depth, height * block, width * block]));
  },
};

const spaceToDepth: OnnxOp = {
  lower(n) {
    const block = blockSize(n);
    const [batch, channels, height, width] = planes(n);
    const [h, w] = [height / block, width / block];
    if (!Number.isInteger(h) || !Number.isInteger(w))
      throw n.invalid(`[${height}, ${width}] do not divide by ${block}`);
    const split = n.reshaped(n.value(0), [batch, channels, h, block, w, block]);
    const moved = n.emit('Transpose', [split], { perm: [0, 3, 5, 1, 2, 4] });
    n.result(n.reshaped(moved, [batch, channels * block ** 2, h, w]));
  },
};

function blockSize(n: NodeLowering): number {
  const block = n.attrs.int('blocksize');
  if (block === undefined || block < 1) throw n.invalid(`blocksize must be a number from 1, got ${block}`);
  return block;
}

function planes(n: NodeLowering): [number | string, number, number, number] {
  const shape = n.shape(0);
  if (shape.length !== 4) throw n.invalid(`x must have 4 axes, got [${shape}]`);
  const [batch, ...extents] = shape;
  if (!isBound(extents)) throw n.unsupported('its extents are not known');
  return [batch, extents[0], extents[1], extents[2]];
}

const tile: OnnxOp = {
  lower(n) {
    const repeats = n.known(1)?.numbers;
    if (!repeats) return lowerOpaque(n, 'its repeats are computed as it runs');
    n.result(n.emit('Tile', [n.value(0)], { repeats }));
  },
};

/** Follows extents in the input `i` of a node that broadcasts to a shape. */
function patchExpand(p: NodePatch): void {
  const [before, after] = [p.outputBefore(0), p.outputAfter(0)];
  p.setExtents(1, (entry, i, length) => {
    const axis = i - length + after.length;
    return entry === 1 || before[axis] === after[axis] ? entry : after[axis];
  });
}

/** Along the batch, x is repeated as often as something that has it. */
const expand: OnnxOp = {
  lower(n) {
    const requested = n.known(1)?.entries;
    if (!requested) return lowerOpaque(n, 'its shape is computed as it runs');
    const own = n.shape(0);
    const rank = Math.max(own.length, requested.length);
    const opens = requested.some((d, i) => typeof d === 'string' && d !== own[i - requested.length + own.length]);
    if (!opens) {
      const shape = requested.map((d) => (typeof d === 'string' ? 1 : d));
      return n.result(n.emit('Expand', [n.value(0)], { shape }));
    }
    const lead = n.reshaped(n.value(0), [...new Array<number>(rank - own.length).fill(1), ...own]);
    const shape = requested.map((d) => (typeof d === 'string' ? 1 : d));
    n.result(alongBatch(n, shape.every((d) => d === 1) ? lead : n.emit('Expand', [lead], { shape })));
    if (requested.slice(1).some((d) => typeof d === 'string')) throw n.unsupported(`it expands to [${requested}]`);
  },
  patch: patchExpand,
};

/** A value whose first axis is 1, for every sample of the batch. */
export function alongBatch(n: NodeLowering, value: string): string {
  const like = n.batched();
  if (like === undefined) throw n.unsupported('it repeats along a batch that no input has');
  return n.emit('ExpandBatch', [value, like]);
}

export const LAYOUTS: OnnxOpTable = {
  Reshape: reshape,
  Transpose: transpose,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Tile: tile,
  Expand: expand,
};
