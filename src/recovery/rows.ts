import type { Node } from '../graph/graph.js';
import { flagAttr, intsAttr } from '../graph/ops/attributes.js';
import { groupCount } from '../graph/ops/index.js';
import { resolveTransposedWindow } from '../graph/ops/transposed-window.js';
import { resolveWindow } from '../graph/ops/window.js';
import { elementCount, type Tensor } from '../graph/tensor.js';
import { RowBuffer } from './row-buffer.js';
import { channelAxis, type Site } from './site.js';

/** Places of one sample's output, by their row-major number over all axes but batch and channel. */
export type Places = Int32Array;

/** Extents of a site's weights: in each of `groups`, a row of `inputs` numbers for each of `outputs`. */
export interface Extents {
  readonly groups: number;
  readonly inputs: number;
  readonly outputs: number;
}

/** Rows of a block, by group: `[groups, rows, columns]`, row-major. */
export interface Rows {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** How many places of each sample are looked at: fewer where there are more samples (RECOVERY.md 1). */
export function placesFor(samples: number): number {
  if (samples >= 500) return 64;
  return samples >= 100 ? 256 : 1024;
}

/** How many channels of its input each group of a layer reads. */
export function channelsPerGroup({ form }: Site, node: Node, weights: readonly number[]): number {
  if (form === 'dense') return weights[isTransposed(node) ? 1 : 0];
  return form === 'convolution' ? weights[1] : weights[0] / groupCount(node);
}

/** Extents of the weights, as the site's node has them. */
export function extentsOf(site: Site, node: Node, weights: readonly number[]): Extents {
  const groups = site.form === 'dense' ? 1 : groupCount(node);
  const inputs = channelsPerGroup(site, node, weights) * tapsOf(site, weights);
  return { groups, inputs, outputs: elementCount(weights) / (groups * inputs) };
}

/** Weights as `[groups, inputs, outputs]`, in double precision. */
export function toColumns(site: Site, node: Node, weights: Tensor): Float64Array {
  const columns = new Float64Array(weights.data.length);
  const data = weights.data as Float32Array;
  forEachWeight(site, node, weights.shape, (at, column) => {
    columns[column] = data[at];
  });
  return columns;
}

/** Multiplies what each output is made by. @param size of a group: `inputs · outputs` */
export function scaleOutputs(columns: Float64Array, gains: Float64Array, size: number, outputs: number): void {
  for (let i = 0; i < columns.length; i++) columns[i] *= gains[Math.floor(i / size) * outputs + (i % outputs)];
}

/** The way back of {@link toColumns}. */
export function fromColumns(site: Site, node: Node, columns: Float64Array, shape: readonly number[]): Tensor {
  const data = new Float32Array(columns.length);
  forEachWeight(site, node, shape, (at, column) => {
    data[at] = columns[column];
  });
  return { dtype: 'float32', shape, data };
}

/** Tells of each weight where it stands in the layer's constant, and where among the columns. */
function forEachWeight(
  site: Site,
  node: Node,
  shape: readonly number[],
  visit: (at: number, column: number) => void,
): void {
  const { groups, inputs, outputs } = extentsOf(site, node, shape);
  const taps = tapsOf(site, shape);
  const channels = inputs / taps;
  const [ofGroup, ofChannel, ofOutput] = strides(site, node, { channels, taps, outputs });
  for (let g = 0, column = 0; g < groups; g++) {
    for (let c = 0; c < channels; c++) {
      for (let t = 0; t < taps; t++) {
        const at = g * ofGroup + c * ofChannel + t;
        for (let m = 0; m < outputs; m++) visit(at + m * ofOutput, column++);
      }
    }
  }
}

/** How far apart the weights of two groups, of two input channels and of two outputs stand; taps stand side by side. */
function strides(
  { form }: Site,
  node: Node,
  { channels, taps, outputs }: { readonly channels: number; readonly taps: number; readonly outputs: number },
): readonly [number, number, number] {
  const all = channels * taps * outputs;
  const byOutput = form === 'convolution' || (form === 'dense' && isTransposed(node));
  return byOutput ? [all, taps, channels * taps] : [all, outputs * taps, taps];
}

function tapsOf({ form }: Site, weights: readonly number[]): number {
  return form === 'dense' ? 1 : elementCount(weights.slice(2));
}

/**
 * Some of the places of an output: on a grid that is as even over the axes as they allow, moved by `turn` from block to block.
 * @param extents of the axes beside batch and channels; none: the one place that there is
 * @param most about how many are wanted
 * @param periods after how many steps of each axis a layer makes its outputs in the same way again: none of the ways is left out
 */
export function choosePlaces(
  extents: readonly number[],
  most: number,
  turn: number,
  periods?: readonly number[],
): Places {
  const all = elementCount(extents);
  if (all <= most) return Int32Array.from({ length: all }, (_, i) => i);
  const strides = extents.map(() => 1);
  const count = (axis: number): number => Math.ceil(extents[axis] / strides[axis]);
  for (;;) {
    const chosen = extents.reduce((n, _, axis) => n * count(axis), 1);
    if (chosen <= most) break;
    const widest = extents.reduce((best, _, axis) => (count(axis) > count(best) ? axis : best), 0);
    strides[widest] += 1;
  }
  periods?.forEach((period, axis) => {
    while (divisor(strides[axis], period) > 1) strides[axis] += 1;
  });
  let places = [0];
  extents.forEach((extent, axis) => {
    const start = Math.floor(strides[axis] * fraction((turn + 1) * GOLDEN * (axis + 1)));
    const along: number[] = [];
    for (let i = start; i < extent; i += strides[axis]) along.push(i);
    places = places.flatMap((head) => along.map((i) => head * extent + i));
  });
  return Int32Array.from(places);
}

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
const GOLDEN = 0.6180339887498949;
const fraction = (x: number): number => x - Math.floor(x);

/** After how many steps a transposed convolution makes its outputs of the same taps again. */
export function periodsOf(site: Site, node: Node): readonly number[] | undefined {
  return site.form === 'transposed' ? intsAttr(node, 'strides', []) : undefined;
}

/** Extents of an output without those of batch and channels. */
export function placeExtents(site: Site, output: readonly number[]): readonly number[] {
  return site.form === 'dense' ? output.slice(1, -1) : output.slice(2);
}

/**
 * What a site's weights are multiplied with, for the chosen places of every sample.
 * @param buffer what the rows are written to
 */
export function inputRows(
  site: Site,
  node: Node,
  x: Tensor,
  kernel: readonly number[],
  places: Places,
  buffer = new RowBuffer(),
): Rows {
  if (site.form === 'dense') return vectors(x, places, buffer);
  const [, , ...spatial] = x.shape;
  return patches(node, x, TAP_OFFSETS[site.form](node, spatial, kernel, places), kernel, places, buffer);
}

/**
 * The output channels at the chosen places of every sample.
 * @param channels of `z` that are taken, in this order; default all
 * @param buffer what the rows are written to
 */
export function outputRows(
  site: Site,
  groups: number,
  z: Tensor,
  places: Places,
  channels?: Int32Array,
  buffer = new RowBuffer(),
): Rows {
  const data = z.data as Float32Array;
  const rank = z.shape.length;
  const batch = z.shape[0];
  const axis = channelAxis(site, rank);
  const all = z.shape[axis];
  const plane = elementCount(placeExtents(site, z.shape));
  const taken = channels ?? Int32Array.from({ length: all }, (_, i) => i);
  const columns = taken.length / groups;
  const rows = batch * places.length;
  const [place, channel] = site.form === 'dense' ? [all, 1] : [1, plane];
  const out = buffer.take(rows * taken.length);
  for (let g = 0, to = 0; g < groups; g++) {
    for (let n = 0; n < batch; n++) {
      for (let p = 0; p < places.length; p++) {
        const from = n * all * plane + places[p] * place;
        for (let m = 0; m < columns; m++) out[to++] = data[from + taken[g * columns + m] * channel];
      }
    }
  }
  return { data: out, rows, columns };
}

/** Windows of a convolution, zero in the padding: a row is `[channels of the group, taps]`. */
function patches(
  node: Node,
  x: Tensor,
  offsets: Int32Array,
  kernel: readonly number[],
  places: Places,
  buffer: RowBuffer,
): Rows {
  const data = x.data as Float32Array;
  const [batch, channels, ...spatial] = x.shape;
  const groups = groupCount(node);
  const perGroup = channels / groups;
  const plane = elementCount(spatial);
  const taps = elementCount(kernel);
  const columns = perGroup * taps;
  const rows = batch * places.length;
  const out = buffer.take(groups * rows * columns);
  const inside = Array.from(places, (_, p) => offsets.subarray(p * taps, (p + 1) * taps).every((at) => at >= 0));
  for (let g = 0, to = 0; g < groups; g++) {
    for (let n = 0; n < batch; n++) {
      const sample = (n * channels + g * perGroup) * plane;
      for (let p = 0; p < places.length; p++) {
        const at = p * taps;
        const end = sample + perGroup * plane;
        if (inside[p]) {
          for (let from = sample; from < end; from += plane) {
            for (let t = 0; t < taps; t++) out[to++] = data[from + offsets[at + t]];
          }
          continue;
        }
        for (let from = sample; from < end; from += plane) {
          for (let t = 0; t < taps; t++) {
            const offset = offsets[at + t];
            out[to++] = offset < 0 ? 0 : data[from + offset];
          }
        }
      }
    }
  }
  return { data: out, rows, columns };
}

/** For each place and tap where in a channel's plane it reads; -1 where it reads nothing. */
type TapOffsets = (node: Node, spatial: readonly number[], kernel: readonly number[], places: Places) => Int32Array;

const TAP_OFFSETS: Readonly<Record<Exclude<Site['form'], 'dense'>, TapOffsets>> = {
  convolution: (node, spatial, kernel, places) => {
    const { strides, dilations, padsBegin, output } = resolveWindow(node, spatial, kernel);
    const along = (place: number, tap: number, axis: number): number => {
      return place * strides[axis] + tap * dilations[axis] - padsBegin[axis];
    };
    return tapOffsets(spatial, kernel, output, places, along);
  },
  transposed: (node, spatial, kernel, places) => {
    const { window, output } = resolveTransposedWindow(node, spatial, kernel);
    const { strides, dilations, padsBegin } = window;
    // A number goes with tap t from q to q·stride + t·dilation − pad; none comes from between two.
    const along = (place: number, tap: number, axis: number): number => {
      const from = place + padsBegin[axis] - tap * dilations[axis];
      return from % strides[axis] === 0 ? from / strides[axis] : -1;
    };
    return tapOffsets(spatial, kernel, output, places, along);
  },
};

/** @param along where on an axis a tap reads for a place; outside of the plane, or below zero: nowhere */
function tapOffsets(
  spatial: readonly number[],
  kernel: readonly number[],
  output: readonly number[],
  places: Places,
  along: (place: number, tap: number, axis: number) => number,
): Int32Array {
  const taps = elementCount(kernel);
  const offsets = new Int32Array(places.length * taps);
  const unravel = (index: number, extents: readonly number[]): number[] => {
    const at = extents.map(() => 0);
    for (let axis = extents.length - 1; axis >= 0; axis--) {
      at[axis] = index % extents[axis];
      index = Math.floor(index / extents[axis]);
    }
    return at;
  };
  const tapsAt = Array.from({ length: taps }, (_, t) => unravel(t, kernel));
  places.forEach((place, p) => {
    const at = unravel(place, output);
    tapsAt.forEach((tap, t) => {
      let offset = 0;
      for (let axis = 0; axis < spatial.length; axis++) {
        const i = along(at[axis], tap[axis], axis);
        if (i < 0 || i >= spatial[axis]) {
          offset = -1;
          break;
        }
        offset = offset * spatial[axis] + i;
      }
      offsets[p * taps + t] = offset;
    });
  });
  return offsets;
}

function vectors(x: Tensor, places: Places, buffer: RowBuffer): Rows {
  const columns = x.shape[x.shape.length - 1];
  const batch = x.shape[0];
  const plane = elementCount(x.shape.slice(1, -1));
  const rows = batch * places.length;
  const data = x.data as Float32Array;
  const out = buffer.take(rows * columns);
  for (let n = 0, to = 0; n < batch; n++) {
    for (let p = 0; p < places.length; p++, to += columns) {
      const from = (n * plane + places[p]) * columns;
      out.set(data.subarray(from, from + columns), to);
    }
  }
  return { data: out, rows, columns };
}

function isTransposed(node: Node): boolean {
  return node.op === 'Gemm' && flagAttr(node, 'transB', false);
}
