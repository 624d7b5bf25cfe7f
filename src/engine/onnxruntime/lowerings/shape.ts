import { choiceAttr, intAttr, intsAttr, numberAttr } from '../../../graph/ops/attributes.js';
import type { LoweringTable } from '../lowering.js';

export const SHAPES: LoweringTable = {
  Concat: (x) => x.result('Concat', x.inputs, { axis: intAttr(x.node, 'axis', 0) }),
  Flatten: (x) => x.result('Flatten', x.inputs, { axis: intAttr(x.node, 'axis', 1) }),
  Reshape: (x) => x.result('Reshape', [x.inputs[0], x.ints(intsAttr(x.node, 'shape'))]),
  Transpose: (x) => x.result('Transpose', x.inputs, { perm: intsAttr(x.node, 'perm') }),
  Expand: (x) => x.result('Expand', [x.inputs[0], x.ints(intsAttr(x.node, 'shape'))]),
  Slice: (x) => {
    const axes = intsAttr(x.node, 'axes');
    const bounds = [intsAttr(x.node, 'starts'), intsAttr(x.node, 'ends'), axes];
    const steps = intsAttr(x.node, 'steps', new Array<number>(axes.length).fill(1));
    x.result('Slice', [x.inputs[0], ...[...bounds, steps].map((values) => x.ints(values))]);
  },
  Pad: (x) => {
    const mode = choiceAttr(x.node, 'mode', ['constant', 'reflect', 'edge'], 'constant');
    const value = mode === 'constant' ? [x.constant([numberAttr(x.node, 'value', 0)])] : [];
    x.result('Pad', [x.inputs[0], x.ints(intsAttr(x.node, 'pads')), ...value], { mode });
  },
};
