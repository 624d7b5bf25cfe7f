import type { Samples } from '../../../graph/ops/resampling.js';
import { resizedAxes } from '../../../graph/ops/resize.js';
import type { Planner } from '../plan/planner.js';
import type { View } from '../plan/view.js';
import { lanesOf } from './lanes.js';
import type { LoweringTable } from './lowering.js';

/** Resizes one axis to `extent`, or takes a gradient back through it. */
function resample(planner: Planner, x: View, axis: number, samples: Samples, extent: number, back: boolean): View {
  const lanes = lanesOf(planner, x, axis);
  const { first, second, share } = samples;
  const triples = Float64Array.from({ length: 3 * first.length }, (_, i) => [first, second, share][i % 3][(i / 3) | 0]);
  const table = planner.constant({ dtype: 'float64', shape: [triples.length], data: triples });
  const y = planner.allocate('float32', x.shape.with(axis, extent), lanes.order);
  const [from, to] = back ? [extent, lanes.extent] : [lanes.extent, extent];
  const fields = { back: back ? 1 : 0, outer: lanes.outer, from, to, inner: lanes.inner };
  planner.emit('resample', { x: lanes.view, samples: table, y }, fields);
  return y;
}

export const RESIZES: LoweringTable = {
  Resize(planner, node) {
    const x = planner.view(node.inputs[0]);
    const to = planner.spec(node.outputs[0]).shape;
    const y = resizedAxes(node, x.shape).reduce((view, { axis, samples }) => {
      return resample(planner, view, axis, samples, to[axis], false);
    }, x);
    planner.define(node.outputs[0], y);
  },

  ResizeGrad(planner, node) {
    const dy = planner.view(node.inputs[0]);
    const to = planner.spec(node.outputs[0]).shape;
    const dx = resizedAxes(node, to).reduce((view, { axis, samples }) => {
      return resample(planner, view, axis, samples, to[axis], true);
    }, dy);
    planner.define(node.outputs[0], dx);
  },
};
