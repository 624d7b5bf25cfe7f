import type { Node } from '../../../graph/graph.js';
import { numberAttr } from '../../../graph/ops/attributes.js';
import { epsilonOf } from '../../../graph/ops/sample-normalization.js';
import { Expression } from '../plan/expression.js';
import type { Fields } from '../plan/instruction.js';
import { emitMap } from '../plan/map.js';
import type { Planner } from '../plan/planner.js';
import { channelsLastOrder, type View } from '../plan/view.js';
import { activationFields } from './activation.js';
import type { LoweringTable } from './lowering.js';

/** The fields of a norm, and of what it ends in. */
function normFields(node: Node, shape: readonly number[]): Fields {
  const [batch, c, ...spatial] = shape;
  const rows = spatial.reduce((product, extent) => product * extent, batch);
  return { rows, c, epsilon: numberAttr(node, 'epsilon', 1e-5), ...activationFields(node) };
}

const activation = (planner: Planner, id: string | undefined): View | undefined =>
  id ? planner.channelsLast(planner.view(id)) : undefined;

const vector = (planner: Planner, id: string): View => planner.plain(planner.view(id));

/** scale/√(variance + ε) and B - mean·that, one a channel. */
function scaleAndShift(planner: Planner, node: Node): [View, View] {
  const [scale, shift, mean, variance] = node.inputs.slice(1, 5);
  const e = new Expression();
  const deviation = e.op('sqrt', e.op('add', e.read(variance), e.literal(epsilonOf(node))));
  const factor = e.op('div', e.read(scale), deviation);
  const names = ['factor', 'offset'].map((what) => `${node.name}/${what}`);
  e.results.set(names[0], factor);
  e.results.set(names[1], e.op('sub', e.read(shift), e.op('mul', e.read(mean), factor)));
  const { shape } = planner.spec(scale);
  emitMap(planner, { kind: 'map', shape, wide: false, expression: e, outputs: names, nodes: [] }, 'float32');
  return [planner.view(names[0]), planner.view(names[1])];
}

export const NORMALIZATIONS: LoweringTable = {
  /** With known statistics. Inputs x, scale, B, mean, var, residual?. */
  BatchNormalization(planner, node) {
    const { shape } = planner.spec(node.inputs[0]);
    const [factor, offset] = scaleAndShift(planner, node);
    const [x, residual] = [activation(planner, node.inputs[0]), activation(planner, node.inputs[5])];
    const y = planner.result(node, 0, channelsLastOrder(shape.length));
    const operands = { x, scale: factor, shift: offset, residual, y };
    planner.emit('scale_shift', operands, normFields(node, shape), {
      inPlace: [
        [x, y],
        [residual, y],
      ],
    });
  },

  /** Inputs x, scale, B, residual?; outputs y, mean, variance. */
  BatchNormalizationTraining(planner, node) {
    const { shape } = planner.spec(node.inputs[0]);
    const [x, residual] = [activation(planner, node.inputs[0]), activation(planner, node.inputs[3])];
    const [scale, shift] = [1, 2].map((i) => vector(planner, node.inputs[i]));
    const y = planner.result(node, 0, channelsLastOrder(shape.length));
    const [mean, variance] = [planner.result(node, 1), planner.result(node, 2)];
    const operands = { x, scale, shift, residual, y, mean, variance };
    planner.emit('bn_forward', operands, normFields(node, shape), {
      inPlace: [
        [x, y],
        [residual, y],
      ],
    });
  },

  /** Inputs dy, x, scale, mean, variance, y?; outputs dx, dscale, dB, dresidual?. */
  BatchNormalizationGrad(planner, node) {
    const { shape } = planner.spec(node.inputs[0]);
    const order = channelsLastOrder(shape.length);
    const [dy, x, y] = [0, 1, 5].map((i) => activation(planner, node.inputs[i]));
    const [scale, mean, variance] = [2, 3, 4].map((i) => vector(planner, node.inputs[i]));
    const dx = planner.result(node, 0, order);
    const [dscale, dshift] = [planner.result(node, 1), planner.result(node, 2)];
    const dresidual = node.outputs[3] ? planner.result(node, 3, order) : undefined;
    const operands = { dy, y, x, scale, mean, variance, dx, dresidual, dscale, dshift };
    planner.emit('bn_backward', operands, normFields(node, shape), {
      inPlace: [
        [dy, dx],
        [dy, dresidual],
      ],
    });
  },
};
