import { getExtents, isBound } from '../../../graph/dims.js';
import type { Node, Shape } from '../../../graph/graph.js';
import { choiceAttr, intAttr, intsAttr } from '../../../graph/ops/attributes.js';
import { resolveTransposedWindow } from '../../../graph/ops/transposed-window.js';
import { resolveWindow, type Window } from '../../../graph/ops/window.js';
import type { LoweringTable } from '../lowering.js';
import type { OnnxAttrs } from '../model-builder.js';
import { emitInputGradient } from './convolution-gradient.js';

/** The spatial extents as numbers, or undefined where some are known only at run time. */
export function concreteSpatial(shape: Shape): Shape<number> | undefined {
  const spatial = shape.slice(2);
  return isBound(spatial) ? spatial : undefined;
}

/** A window as ONNX attributes. Pads are explicit: onnxruntime's `auto_pad` doesn't take dilations everywhere. */
export function windowAttrs(window: Window<number>, padsEnd = window.padsEnd): OnnxAttrs {
  return {
    kernel_shape: window.kernel,
    strides: window.strides,
    dilations: window.dilations,
    pads: [...window.padsBegin, ...padsEnd],
  };
}

/** The same where an extent is known only at run time, so that `auto_pad` is left to onnxruntime. */
export function unresolvedWindowAttrs(node: Node, kernel: readonly number[]): OnnxAttrs {
  const ones = kernel.map(() => 1);
  const zeros = [...kernel, ...kernel].map(() => 0);
  const autoPad = choiceAttr(node, 'auto_pad', ['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'], 'NOTSET');
  return {
    kernel_shape: kernel,
    strides: intsAttr(node, 'strides', ones),
    dilations: intsAttr(node, 'dilations', ones),
    ...(autoPad === 'NOTSET' ? { pads: intsAttr(node, 'pads', zeros) } : { auto_pad: autoPad }),
  };
}

export const CONVOLUTIONS: LoweringTable = {
  Conv: (x) => {
    const kernel = getExtents(x.inputSpec(1).shape).slice(2);
    const spatial = concreteSpatial(x.inputSpec(0).shape);
    const attrs = spatial ? windowAttrs(resolveWindow(x.node, spatial, kernel)) : unresolvedWindowAttrs(x.node, kernel);
    x.result('Conv', x.inputs, { ...attrs, group: intAttr(x.node, 'group', 1) });
  },
  ConvTranspose: (x) => {
    const [input, w, ...bias] = x.inputs;
    const [inputs, perGroup, ...kernel] = getExtents(x.inputSpec(1).shape);
    const groups = intAttr(x.node, 'group', 1);
    const spatial = concreteSpatial(x.inputSpec(0).shape);
    if (spatial) {
      const { window, output } = resolveTransposedWindow(x.node, spatial, kernel);
      // Seen from the convolution that goes the other way, which reads what this one makes.
      const geometry = { window, spatial: output, groups, inputs: perGroup * groups, outputs: inputs };
      x.result('Identity', [emitInputGradient(x, input, w, geometry, bias)]);
      return;
    }
    const { window, outputPadding } = resolveTransposedWindow(x.node, x.inputSpec(0).shape.slice(2), kernel);
    x.result('ConvTranspose', x.inputs, {
      kernel_shape: kernel,
      strides: window.strides,
      dilations: window.dilations,
      pads: [...window.padsBegin, ...window.padsEnd],
      output_padding: outputPadding,
      group: groups,
    });
  },
};
