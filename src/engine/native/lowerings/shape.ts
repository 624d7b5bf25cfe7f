import type { Node } from '../../../graph/graph.js';
import { choiceAttr, intAttr, intsAttr, numberAttr } from '../../../graph/ops/attributes.js';
import { normalizeAxis } from '../../../graph/ops/checks.js';
import { slices } from '../../../graph/ops/slice.js';
import { tileRepeats } from '../../../graph/ops/tile.js';
import { DTYPE_CODES, dtypeBytes } from '../plan/instruction.js';
import type { Planner } from '../plan/planner.js';
import { broadcastView, denseOrder, isDense, type Order, plainOrder, reshapeView, type View } from '../plan/view.js';
import { lanesOf } from './lanes.js';
import type { Lowering, LoweringTable } from './lowering.js';

/** The same elements: nothing is computed. */
const same: Lowering = (planner, node) => planner.define(node.outputs[0], planner.view(node.inputs[0]));

const reshape: Lowering = (planner, node) => {
  const { shape } = planner.spec(node.outputs[0]);
  const x = planner.view(node.inputs[0]);
  planner.define(node.outputs[0], reshapeView(x, shape) ?? reshapeView(planner.plain(x), shape)!);
};

const broadcast: Lowering = (planner, node) => {
  const { shape } = planner.spec(node.outputs[0]);
  planner.define(node.outputs[0], broadcastView(planner.view(node.inputs[0]), shape));
};

/** `count` indices of an axis, `step` apart from `start` on. */
function slice(view: View, axis: number, { start, step, count }: { start: number; step: number; count: number }): View {
  return {
    ...view,
    shape: view.shape.with(axis, count),
    strides: view.strides.with(axis, view.strides[axis] * step),
    offset: view.offset + start * view.strides[axis],
  };
}

/** The layout of the first operand that is not plain, if any is. */
function commonOrder(views: readonly View[], rank: number): Order {
  const plain = plainOrder(rank);
  const other = views.find((view) => denseOrder(view) && !isDense(view, plain));
  return (other && denseOrder(other)) ?? plain;
}

/** The input index of each index of a padded axis, for modes that repeat elements. */
function sources(extent: number, begin: number, end: number, mode: 'reflect' | 'edge'): Int32Array {
  return Int32Array.from({ length: begin + extent + end }, (_, i) => {
    const at = i - begin;
    if (at >= 0 && at < extent) return at;
    if (mode === 'edge') return at < 0 ? 0 : extent - 1;
    return at < 0 ? -at : 2 * (extent - 1) - at;
  });
}

/** Takes the given indices of one axis. */
function take(planner: Planner, operand: View, axis: number, indices: Int32Array): View {
  const { view, order, outer, extent, inner } = lanesOf(planner, operand, axis);
  const at = planner.constant({ dtype: 'int32', shape: [indices.length], data: indices });
  const y = planner.allocate(view.dtype, view.shape.with(axis, indices.length), order);
  const bytes = inner * dtypeBytes(view.dtype);
  const fields = { dtype: DTYPE_CODES.int32, outer, extent, count: indices.length, bytes };
  planner.emit('gather', { x: view, indices: at, y }, fields);
  return y;
}

function padWith(planner: Planner, node: Node, x: View, pads: readonly [number, number][]): void {
  const order = commonOrder([x], x.shape.length);
  const y = planner.result(node, 0, order);
  planner.fill(y, numberAttr(node, 'value', 0));
  let [from, to] = [x, y];
  pads.forEach(([begin, end], axis) => {
    const count = x.shape[axis] + Math.min(begin, 0) + Math.min(end, 0);
    from = slice(from, axis, { start: Math.max(-begin, 0), step: 1, count });
    to = slice(to, axis, { start: Math.max(begin, 0), step: 1, count });
  });
  planner.copy(from, to);
}

export const SHAPES: LoweringTable = {
  Identity: same,
  Dropout: same,
  Reshape: reshape,
  Flatten: reshape,

  Transpose(planner, node) {
    const x = planner.view(node.inputs[0]);
    const reversed = x.shape.map((_, i, all) => all.length - 1 - i);
    const perm = intsAttr(node, 'perm', reversed);
    const pick = (values: readonly number[]): number[] => perm.map((axis) => values[axis]);
    planner.define(node.outputs[0], { ...x, shape: pick(x.shape), strides: pick(x.strides) });
  },

  Slice(planner, node) {
    let view = planner.view(node.inputs[0]);
    for (const [axis, part] of slices(node, view.shape)) view = slice(view, axis, part);
    planner.define(node.outputs[0], view);
  },

  Expand: broadcast,
  ExpandBatch: broadcast,

  Concat(planner, node) {
    const parts = node.inputs.map((id) => planner.view(id));
    const rank = parts[0].shape.length;
    const axis = normalizeAxis(node, intAttr(node, 'axis', 0), rank);
    const y = planner.result(node, 0, commonOrder(parts, rank));
    let start = 0;
    for (const part of parts) {
      const count = part.shape[axis];
      planner.copy(part, slice(y, axis, { start, step: 1, count }));
      start += count;
    }
  },

  /** Every axis becomes two: which copy, and which element of it. */
  Tile(planner, node) {
    const x = planner.view(node.inputs[0]);
    const repeats = tileRepeats(node, x.shape.length);
    const y = planner.result(node);
    const shape = repeats.flatMap((times, axis) => [times, x.shape[axis]]);
    const strides = x.strides.flatMap((step) => [0, step]);
    planner.copy({ ...x, shape, strides }, reshapeView(y, shape)!);
  },

  Pad(planner, node) {
    const x = planner.view(node.inputs[0]);
    const rank = x.shape.length;
    const all = intsAttr(node, 'pads');
    const pads = x.shape.map((_, axis): [number, number] => [all[axis], all[rank + axis]]);
    const mode = choiceAttr(node, 'mode', ['constant', 'reflect', 'edge'], 'constant');
    if (mode === 'constant') {
      padWith(planner, node, x, pads);
      return;
    }
    const padded = pads.reduce((view, [begin, end], axis) => {
      if (begin === 0 && end === 0) return view;
      return take(planner, view, axis, sources(view.shape[axis], begin, end, mode));
    }, x);
    planner.define(node.outputs[0], padded);
  },
};
