import type { Node } from '../../../graph/graph.js';
import { intAttr, intsAttr } from '../../../graph/ops/attributes.js';
import { resolveTransposedWindow } from '../../../graph/ops/transposed-window.js';
import { resolveWindow, type Window } from '../../../graph/ops/window.js';
import type { Fields } from '../plan/instruction.js';
import type { Planner } from '../plan/planner.js';
import { channelsLastOrder, type View } from '../plan/view.js';
import { activationFields } from './activation.js';
import { convFields } from './geometry.js';
import type { LoweringTable } from './lowering.js';

const groupOf = (node: Node): number => intAttr(node, 'group', 1);

const spatialOf = (shape: readonly number[]): readonly number[] => shape.slice(2);

/** Input i channels-last; undefined where it is absent. */
function activation(planner: Planner, node: Node, i: number): View | undefined {
  return node.inputs[i] ? planner.channelsLast(planner.view(node.inputs[i])) : undefined;
}

function weight(planner: Planner, node: Node, i: number): View | undefined {
  return node.inputs[i] ? planner.plain(planner.view(node.inputs[i])) : undefined;
}

/** A convolution or its gradient by x, both of which end in an epilogue. Inputs are x (or dy), W, bias?, residual?. */
function convolve(planner: Planner, node: Node, operation: 'conv' | 'conv_input_grad', shape: Fields): void {
  const packed = operation === 'conv' ? planner.packed(node.inputs[1], operation, { ...shape, packed: 1 }) : undefined;
  const x = activation(planner, node, 0);
  const w = packed ?? weight(planner, node, 1);
  const [bias, residual] = [weight(planner, node, 2), activation(planner, node, 3)];
  const y = planner.result(node, 0, channelsLastOrder(planner.spec(node.outputs[0]).shape.length));
  const fields = { ...shape, packed: packed ? 1 : 0, ...activationFields(node) };
  planner.emit(operation, { x, w, bias, residual, y }, fields, { inPlace: [[residual, y]] });
}

/** The fields of a convolution over x of the given shape. */
function shapeFields(
  planner: Planner,
  window: Window<number>,
  node: Node,
  x: readonly number[],
  filters: number,
): Fields {
  const [batch, channels] = x;
  return convFields(window, { batch, channels, spatial: spatialOf(x) }, filters, groupOf(node), planner.trains);
}

export const CONVOLUTIONS: LoweringTable = {
  Conv(planner, node) {
    const [x, w] = [0, 1].map((i) => planner.spec(node.inputs[i]).shape);
    convolve(
      planner,
      node,
      'conv',
      shapeFields(planner, resolveWindow(node, spatialOf(x), spatialOf(w)), node, x, w[0]),
    );
  },

  /** Its input is the output of the convolution that goes the other way. */
  ConvTranspose(planner, node) {
    const [x, w] = [0, 1].map((i) => planner.spec(node.inputs[i]).shape);
    const y = planner.spec(node.outputs[0]).shape;
    const { window } = resolveTransposedWindow(node, spatialOf(x), spatialOf(w));
    convolve(planner, node, 'conv_input_grad', shapeFields(planner, window, node, y, w[0]));
  },

  ConvInputGrad(planner, node) {
    const w = planner.spec(node.inputs[1]).shape;
    const dx = planner.spec(node.outputs[0]).shape;
    const window = resolveWindow(node, spatialOf(dx), spatialOf(w));
    convolve(planner, node, 'conv_input_grad', shapeFields(planner, window, node, dx, w[0]));
  },

  ConvFilterGrad(planner, node) {
    const [x, dy] = [0, 1].map((i) => planner.spec(node.inputs[i]).shape);
    const window = resolveWindow(node, spatialOf(x), intsAttr(node, 'kernel_shape'));
    const operands = {
      x: activation(planner, node, 0),
      dy: activation(planner, node, 1),
      dw: planner.result(node),
    };
    planner.emit('conv_filter_grad', operands, shapeFields(planner, window, node, x, dy[1]));
  },
};
