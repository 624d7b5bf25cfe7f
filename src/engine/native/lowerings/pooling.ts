import type { Node } from '../../../graph/graph.js';
import { flagAttr, intsAttr } from '../../../graph/ops/attributes.js';
import { resolveWindow } from '../../../graph/ops/window.js';
import type { Planner } from '../plan/planner.js';
import { channelsLastOrder } from '../plan/view.js';
import { poolFields } from './geometry.js';
import type { LoweringTable } from './lowering.js';

/** A pool or the gradient of one: all operands are channels-last. `x` is the shape that windows slide over. */
function pool(
  planner: Planner,
  node: Node,
  operation: string,
  x: readonly number[],
  kernel = intsAttr(node, 'kernel_shape'),
): void {
  const [batch, channels, ...spatial] = x;
  const window = resolveWindow(node, spatial, kernel);
  const inputs = node.inputs.map((id) => planner.channelsLast(planner.view(id)));
  const result = planner.result(node, 0, channelsLastOrder(x.length));
  const includePad = flagAttr(node, 'count_include_pad', false);
  const [a, b, c] = inputs;
  const operands = operation === 'max_pool_grad' ? { x: a, y: b, dy: c, dx: result } : { x: a, y: result };
  planner.emit(operation, operands, poolFields(window, { batch, channels, spatial }, includePad));
}

const shapeOf = (planner: Planner, id: string): readonly number[] => planner.spec(id).shape;

export const POOLS: LoweringTable = {
  MaxPool: (planner, node) => pool(planner, node, 'max_pool', shapeOf(planner, node.inputs[0])),
  AveragePool: (planner, node) => pool(planner, node, 'avg_pool', shapeOf(planner, node.inputs[0])),
  MaxPoolGrad: (planner, node) => pool(planner, node, 'max_pool_grad', shapeOf(planner, node.inputs[0])),
  AveragePoolGrad: (planner, node) => pool(planner, node, 'avg_pool_grad', shapeOf(planner, node.outputs[0])),

  GlobalMaxPool(planner, node) {
    const x = shapeOf(planner, node.inputs[0]);
    pool(planner, node, 'max_pool', x, x.slice(2));
  },

  GlobalAveragePool(planner, node) {
    const [batch, channels, ...spatial] = shapeOf(planner, node.inputs[0]);
    const x = planner.channelsLast(planner.view(node.inputs[0]));
    const pixels = spatial.reduce((product, extent) => product * extent, 1);
    planner.emit('global_avg_pool', { x, y: planner.result(node) }, { n: batch, pixels, c: channels });
  },
};
