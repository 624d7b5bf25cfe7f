import type { Node } from '../graph/graph.js';
import { flagAttr } from '../graph/ops/attributes.js';
import { groupCount } from '../graph/ops/index.js';
import { resolveWindow } from '../graph/ops/window.js';
import { elementCount, type Tensor } from '../graph/tensor.js';
import { RowBuffer } from './row-buffer.js';
import type { Site } from './site.js';

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
export function placesFor(blocks: readonly { readonly samples: number }[]): number {
  const samples = blocks.reduce((n, block) => n + block.samples, 0);
  if (samples >= 500) return 64;
  return samples >= 100 ? 256 : 1024;
}

/** Extents of the weights, as the site's node has them. */
export function extentsOf(site: Site, node: Node, weights: readonly number[]): Extents {
  if (site.form === 'convolution') {
    const groups = groupCount(node);
    return { groups, inputs: elementCount(weights.slice(1)), outputs: weights[0] / groups };
  }
  const [inputs, outputs] = isTransposed(node) ? [weights[1], weights[0]] : weights;
  return { groups: 1, inputs, outputs };
}

/** Weights as `[groups, inputs, outputs]`, in double precision. */
export function toColumns(site: Site, node: Node, weights: Tensor): Float64Array {
  const { groups, inputs, outputs } = extentsOf(site, node, weights.shape);
  const data = weights.data as Float32Array;
  if (!isByOutput(site, node)) return Float64Array.from(data);
  const columns = new Float64Array(data.length);
  for (let g = 0; g < groups; g++) {
    for (let m = 0; m < outputs; m++) {
      const from = (g * outputs + m) * inputs;
      for (let k = 0; k < inputs; k++) columns[(g * inputs + k) * outputs + m] = data[from + k];
    }
  }
  return columns;
}

/** The way back of {@link toColumns}. */
export function fromColumns(site: Site, node: Node, columns: Float64Array, shape: readonly number[]): Tensor {
  const { groups, inputs, outputs } = extentsOf(site, node, shape);
  if (!isByOutput(site, node)) return { dtype: 'float32', shape, data: Float32Array.from(columns) };
  const data = new Float32Array(columns.length);
  for (let g = 0; g < groups; g++) {
    for (let m = 0; m < outputs; m++) {
      const to = (g * outputs + m) * inputs;
      for (let k = 0; k < inputs; k++) data[to + k] = columns[(g * inputs + k) * outputs + m];
    }
  }
  return { dtype: 'float32', shape, data };
}

/**
 * Some of the places of an output: on a grid that is as even over the axes as they allow, moved by `turn` from block to block.
 * @param extents of the axes beside batch and channels; none: the one place that there is
 * @param most about how many are wanted
 */
export function choosePlaces(extents: readonly number[], most: number, turn: number): Places {
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
  let places = [0];
  extents.forEach((extent, axis) => {
    const start = Math.floor(strides[axis] * fraction((turn + 1) * GOLDEN * (axis + 1)));
    const along: number[] = [];
    for (let i = start; i < extent; i += strides[axis]) along.push(i);
    places = places.flatMap((head) => along.map((i) => head * extent + i));
  });
  return Int32Array.from(places);
}

const GOLDEN = 0.6180339887498949;
const fraction = (x: number): number => x - Math.floor(x);

/** Extents of an output without those of batch and channels. */
export function placeExtents(site: Site, output: readonly number[]): readonly number[] {
  return site.form === 'convolution' ? output.slice(2) : output.slice(1, -1);
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
  return site.form === 'convolution' ? patches(node, x, kernel, places, buffer) : vectors(x, places, buffer);
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
  const axis = site.form === 'convolution' ? 1 : rank - 1;
  const all = z.shape[axis];
  const plane = elementCount(placeExtents(site, z.shape));
  const taken = channels ?? Int32Array.from({ length: all }, (_, i) => i);
  const columns = taken.length / groups;
  const rows = batch * places.length;
  const [place, channel] = site.form === 'convolution' ? [1, plane] : [all, 1];
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
function patches(node: Node, x: Tensor, kernel: readonly number[], places: Places, buffer: RowBuffer): Rows {
  const data = x.data as Float32Array;
  const [batch, channels, ...spatial] = x.shape;
  const groups = groupCount(node);
  const perGroup = channels / groups;
  const plane = elementCount(spatial);
  const offsets = tapOffsets(node, spatial, kernel, places);
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

/** For each place and tap where in a channel's plane it reads; -1 in the padding. */
function tapOffsets(node: Node, spatial: readonly number[], kernel: readonly number[], places: Places): Int32Array {
  const { strides, dilations, padsBegin, output } = resolveWindow(node, spatial, kernel);
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
        const i = at[axis] * strides[axis] + tap[axis] * dilations[axis] - padsBegin[axis];
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

/** Whether the weights of one output stand together: a convolution's, and those of a product with the transpose. */
function isByOutput(site: Site, node: Node): boolean {
  return site.form === 'convolution' || isTransposed(node);
}

function isTransposed(node: Node): boolean {
  return node.op === 'Gemm' && flagAttr(node, 'transB', false);
}
