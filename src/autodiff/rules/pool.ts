import type { Attrs, Node } from '../../graph/graph.js';
import { intsAttr } from '../../graph/ops/attributes.js';
import { resolveWindow } from '../../graph/ops/window.js';
import type { GradientRule } from './gradient-rule.js';
import { knownExtents } from './reshaping.js';

/** The pool's attributes with its padding resolved. */
function resolvedAttrs(node: Node, spatial: readonly number[]): Attrs {
  const { auto_pad: autoPad = 'NOTSET', ceil_mode: ceilMode = 0, ...attrs } = node.attrs;
  const { padsBegin, padsEnd } = resolveWindow(node, spatial, intsAttr(node, 'kernel_shape'));
  return { ...attrs, pads: [...padsBegin, ...padsEnd], ceil_mode: autoPad === 'NOTSET' ? ceilMode : 0 };
}

export const maxPoolGradient: GradientRule = (node, dy, { builder: b }) => {
  const [x] = node.inputs;
  const spatial = knownExtents(node, b.shape(x).slice(2));
  return [b.op('MaxPoolGrad', [x, node.outputs[0], dy], resolvedAttrs(node, spatial))];
};

export const averagePoolGradient: GradientRule = (node, dy, { builder: b }) => {
  const spatial = knownExtents(node, b.shape(node.inputs[0]).slice(2));
  return [b.op('AveragePoolGrad', [dy], { ...resolvedAttrs(node, spatial), spatial })];
};

/** A max pool whose window is the whole plane. */
export const globalMaxPoolGradient: GradientRule = (node, dy, { builder: b }) => {
  const [x] = node.inputs;
  const kernel = knownExtents(node, b.shape(x).slice(2));
  return [b.op('MaxPoolGrad', [x, node.outputs[0], dy], { kernel_shape: kernel })];
};

export const globalAveragePoolGradient: GradientRule = (node, dy, { builder: b }) => {
  const spatial = knownExtents(node, b.shape(node.inputs[0]).slice(2));
  const count = b.scalar(
    spatial.reduce((product, extent) => product * extent, 1),
    dy,
  );
  return [b.op('Expand', [b.op('Div', [dy, count])], { shape: [1, 1, ...spatial] })];
};
