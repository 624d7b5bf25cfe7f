import { getExtent, getExtents } from '../../../graph/dims.js';
import { choiceAttr, intAttr, intsAttr, numberAttr } from '../../../graph/ops/attributes.js';
import { padSources } from '../../../graph/ops/pad.js';
import { elementCount } from '../../../graph/tensor.js';
import type { LoweringTable, NodeLowering } from '../lowering.js';

const isPadded = (pads: readonly number[], axis: number): boolean =>
  pads[axis] !== 0 || pads[pads.length / 2 + axis] !== 0;

const hasKnownAxes = (x: NodeLowering, pads: readonly number[]): boolean =>
  x.inputSpec(0).shape.every((extent, axis) => typeof extent === 'number' || !isPadded(pads, axis));

/** Each padded axis from the elements that it repeats. */
function takeAxes(x: NodeLowering, pads: readonly number[]): void {
  const { shape } = x.inputSpec(0);
  const taken = shape.reduce<string>((value, _, axis) => {
    if (!isPadded(pads, axis)) return value;
    return x.op('Gather', [value, x.ints([...padSources(x.node, axis, getExtent(shape, axis))])], { axis });
  }, x.inputs[0]);
  x.result('Identity', [taken]);
}

export const SHAPES: LoweringTable = {
  Concat: (x) => x.result('Concat', x.inputs, { axis: intAttr(x.node, 'axis', 0) }),
  Flatten: (x) => x.result('Flatten', x.inputs, { axis: intAttr(x.node, 'axis', 1) }),
  Reshape: (x) => x.result('Reshape', [x.inputs[0], x.ints(intsAttr(x.node, 'shape'))]),
  Transpose: (x) => {
    const reversed = [...x.inputSpec(0).shape.keys()].reverse();
    x.result('Transpose', x.inputs, { perm: intsAttr(x.node, 'perm', reversed) });
  },
  Expand: (x) => x.result('Expand', [x.inputs[0], x.ints(intsAttr(x.node, 'shape'))]),
  ExpandBatch: (x) => {
    const [input, like] = x.inputs;
    const batch = x.op('Slice', [x.op('Shape', [like]), x.ints([0]), x.ints([1])]);
    const { length } = x.inputSpec(0).shape;
    const extents =
      length === 1 ? batch : x.op('Concat', [batch, x.ints(new Array<number>(length - 1).fill(1))], { axis: 0 });
    x.result('Expand', [input, extents]);
  },
  Slice: (x) => {
    const axes = intsAttr(x.node, 'axes');
    const bounds = [intsAttr(x.node, 'starts'), intsAttr(x.node, 'ends'), axes];
    const steps = intsAttr(x.node, 'steps', new Array<number>(axes.length).fill(1));
    x.result('Slice', [x.inputs[0], ...[...bounds, steps].map((values) => x.ints(values))]);
  },
  Tile: (x) => x.result('Tile', [x.inputs[0], x.ints(intsAttr(x.node, 'repeats'))]),
  Gather: (x) => x.result('Gather', x.inputs, { axis: intAttr(x.node, 'axis', 0) }),
  GatherGrad: (x) => {
    const [rows, ...row] = getExtents(x.outputSpec().shape);
    const inner = elementCount(row);
    const zeros = x.op('Expand', [x.constant([0], [1, 1]), x.ints([rows, inner])]);
    const updates = x.reshape(x.inputs[0], [-1, inner]);
    const indices = x.op('Expand', [x.reshape(x.inputs[1], [-1, 1]), x.ints([1, inner])]);
    const summed = x.op('ScatterElements', [zeros, indices, updates], { axis: 0, reduction: 'add' });
    x.result('Reshape', [summed, x.ints([rows, ...row])]);
  },
  Pad: (x) => {
    const mode = choiceAttr(x.node, 'mode', ['constant', 'reflect', 'edge'], 'constant');
    const pads = intsAttr(x.node, 'pads');
    // onnxruntime crops first, and does not see then what it cut off.
    if (mode !== 'constant' && pads.some((pad) => pad < 0) && hasKnownAxes(x, pads)) return takeAxes(x, pads);
    const value = mode === 'constant' ? [x.constant([numberAttr(x.node, 'value', 0)])] : [];
    x.result('Pad', [x.inputs[0], x.ints(pads), ...value], { mode });
  },
};
