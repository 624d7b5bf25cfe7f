import { resolveTransposedWindow } from '../../graph/ops/transposed-window.js';
import { resolveWindow } from '../../graph/ops/window.js';
import type { GradientRule } from './gradient-rule.js';
import { knownExtents } from './reshaping.js';

/** A convolution of any rank, stride, dilation and number of groups. Padding is handed on resolved. */
export const convGradient: GradientRule = (node, dy, { builder: b, needs }) => {
  const [x, w] = node.inputs;
  const spatial = knownExtents(node, b.shape(x).slice(2));
  const kernel = knownExtents(node, b.shape(w).slice(2));
  const { strides, dilations, padsBegin, padsEnd } = resolveWindow(node, spatial, kernel);
  const attrs = { strides, dilations, pads: [...padsBegin, ...padsEnd], group: node.attrs.group ?? 1 };
  const axes = [0, ...spatial.map((_, i) => i + 2)];
  return [
    needs(0) ? b.op('ConvInputGrad', [dy, w], { ...attrs, spatial }) : undefined,
    needs(1) ? b.op('ConvFilterGrad', [x, dy], { ...attrs, kernel_shape: kernel }) : undefined,
    needs(2) ? b.op('ReduceSum', [dy], { axes, keepdims: 0 }) : undefined,
  ];
};

/** y is x sent backwards through a convolution, so dx is that convolution of dy, and dW that of its filters. */
export const convTransposeGradient: GradientRule = (node, dy, { builder: b, needs }) => {
  const [x, w] = node.inputs;
  const spatial = knownExtents(node, b.shape(x).slice(2));
  const kernel = knownExtents(node, b.shape(w).slice(2));
  const { strides, dilations, padsBegin, padsEnd } = resolveTransposedWindow(node, spatial, kernel).window;
  const attrs = { strides, dilations, pads: [...padsBegin, ...padsEnd], group: node.attrs.group ?? 1 };
  const axes = [0, ...spatial.map((_, i) => i + 2)];
  return [
    needs(0) ? b.op('Conv', [dy, w], attrs) : undefined,
    needs(1) ? b.op('ConvFilterGrad', [dy, x], { ...attrs, kernel_shape: kernel }) : undefined,
    needs(2) ? b.op('ReduceSum', [dy], { axes, keepdims: 0 }) : undefined,
  ];
};
