import type { Node } from '../../../graph/graph.js';
import { flagAttr, intAttr } from '../../../graph/ops/attributes.js';
import { normalizeAxis } from '../../../graph/ops/checks.js';
import { reducedAxes } from '../../../graph/ops/reduce.js';
import { DTYPE_CODES } from '../plan/instruction.js';
import type { Planner } from '../plan/planner.js';
import { collapse, denseStrides, plainOrder, type View } from '../plan/view.js';
import { lanesOf } from './lanes.js';
import type { Lowering, LoweringTable } from './lowering.js';

/** Without the axes that are reduced, unless they are kept as axes of one element. */
function withoutAxes(view: View, axes: ReadonlySet<number>, node: Node): View {
  if (flagAttr(node, 'keepdims', true)) return view;
  const keep = (values: readonly number[]): number[] => values.filter((_, axis) => !axes.has(axis));
  return { ...view, shape: keep(view.shape), strides: keep(view.strides) };
}

function reduction(kind: 'sum' | 'mean' | 'max'): Lowering {
  return (planner, node) => {
    const x = planner.view(node.inputs[0]);
    const axes = reducedAxes(node, x.shape.length);
    const order = plainOrder(x.shape.length).toSorted((a, b) => x.strides[b] - x.strides[a]);
    const kept = x.shape.map((extent, axis) => (axes.has(axis) ? 1 : extent));
    const y = planner.allocate(x.dtype, kept, order);
    planner.define(node.outputs[0], withoutAxes(y, axes, node));

    const own = denseStrides(kept, order);
    const to = own.map((step, axis) => (axes.has(axis) ? 0 : step));
    const pick = (values: readonly number[]): number[] => order.map((axis) => values[axis]);
    const { dims, strides } = collapse(pick(x.shape), [pick(x.strides), pick(to)]);
    const count = [...axes].reduce((product, axis) => product * x.shape[axis], 1);
    sumUp(planner, kind, { x, y, dims, from: strides[0], to: strides[1], count });
  };
}

interface Sum {
  readonly x: View;
  readonly y: View;
  readonly dims: readonly number[];
  readonly from: readonly number[];
  readonly to: readonly number[];
  /** Elements behind each result. */
  readonly count: number;
}

function sumUp(planner: Planner, kind: 'sum' | 'mean' | 'max', { x, y, dims, from, to, count }: Sum): void {
  const [rows, c] = dims;
  const isColumns = dims.length === 2 && from[0] === c && from[1] === 1 && to[0] === 0 && to[1] === 1;
  if (kind === 'sum' && x.dtype === 'float32' && isColumns && planner.takes('column_sums', { rows, c })) {
    planner.emit('column_sums', { x, y }, { rows, c });
    return;
  }
  const results = y.shape.reduce((product, extent) => product * extent, 1);
  const fields = {
    max: kind === 'max' ? 1 : 0,
    divisor: kind === 'mean' ? count : 1,
    dtype: DTYPE_CODES[x.dtype],
    split: sharedAxis(dims, to, results),
    results,
    rank: dims.length,
  };
  planner.emit('reduce', { x, y }, fields, { lists: { dims, stride: from, to } });
}

/** The axis that threads share out: the outermost, unless each would have sums of nearly everything to itself. */
function sharedAxis(dims: readonly number[], to: readonly number[], results: number): number {
  const elements = dims.reduce((product, extent) => product * extent, 1);
  if (to[0] !== 0 || results * 16 < elements) return 0;
  const kept = dims.map((extent, i) => (to[i] === 0 ? 0 : extent));
  const largest = kept.indexOf(Math.max(...kept));
  return kept[largest] > 1 ? largest : 0;
}

export const REDUCTIONS: LoweringTable = {
  ReduceSum: reduction('sum'),
  ReduceMean: reduction('mean'),
  ReduceMax: reduction('max'),

  ArgMax(planner, node) {
    const x = planner.view(node.inputs[0]);
    const axis = normalizeAxis(node, intAttr(node, 'axis', 0), x.shape.length);
    const lanes = lanesOf(planner, x, axis);
    const y = planner.allocate('int64', x.shape.with(axis, 1), lanes.order);
    planner.define(node.outputs[0], withoutAxes(y, new Set([axis]), node));
    const { outer, extent, inner } = lanes;
    planner.emit('arg_max', { x: lanes.view, y }, { outer, extent, inner, dtype: DTYPE_CODES[x.dtype] });
  },

  Softmax: softmax(false),
  LogSoftmax: softmax(true),
};

function softmax(logarithm: boolean): Lowering {
  return (planner, node) => {
    const x = planner.view(node.inputs[0]);
    const axis = normalizeAxis(node, intAttr(node, 'axis', -1), x.shape.length);
    const { view, order, outer, extent, inner } = lanesOf(planner, x, axis);
    const y = planner.result(node, 0, order);
    planner.emit('softmax', { x: view, y }, { outer, extent, inner, log: logarithm ? 1 : 0 });
  };
}
