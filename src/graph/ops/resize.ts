import { FIXED } from '../channels.js';
import { countedElements, formatShape, getExtents } from '../dims.js';
import type { Dim, Node, Shape } from '../graph.js';
import { OpError, type OpSpec } from '../op-spec.js';
import { elementCount, type RefTensor } from '../tensor.js';
import { intsAttr } from './attributes.js';
import { expectFloat, outputSpec, requiredInput, requiredTensor } from './checks.js';
import { channelReason } from './reasons.js';
import { axisSamples, resizedShape, resizeScales, resizeSettings, type Samples } from './resampling.js';

/** Planes made larger or smaller: by their nearest elements, or linearly between them, axis by axis. */
const resize: OpSpec = {
  op: 'Resize',
  inputs: [1, 1],
  byRows: (node, [{ length }]) => [resizeScales(node, length)[0] === 1],

  infer(x) {
    const { node } = x;
    const input = requiredInput(x, 0, 'x');
    if (resizeSettings(node).mode === 'linear') expectFloat(node, input, 'x');
    return [outputSpec(node, input.dtype, resizedShape(node, input.shape))];
  },

  channels(node, ctx) {
    const input = ctx.input(0);
    const scales = resizeScales(node, input.length);
    const resized = input.filter((_, axis) => scales[axis] !== 1);
    for (const axis of resized) if (axis !== FIXED) ctx.freeze(axis, channelReason('SPATIAL_AXIS', node));
    ctx.setOutput(
      0,
      input.map((axis, i) => (scales[i] === 1 ? axis : FIXED)),
    );
  },

  cost({ outputs }) {
    return { macs: 0, mmrazor: countedElements(outputs[0].shape) };
  },

  evaluate(node, inputs) {
    const x = requiredTensor(node, inputs, 0);
    return [resizedAxes(node, x.shape).reduce((t, { axis, samples }) => sampleAxis(t, axis, samples), x)];
  },
};

/** dx of a resize: each gradient goes back to the elements that made its place, by their shares. */
const resizeGrad: OpSpec = {
  op: 'ResizeGrad',
  inputs: [1, 1],
  training: true,

  infer(x) {
    const dy = requiredInput(x, 0, 'dy');
    expectFloat(x.node, dy, 'dy');
    const shape = originalShape(x.node, dy.shape);
    const resized = resizedShape(x.node, shape);
    if (formatShape(resized) !== formatShape(dy.shape)) {
      throw new OpError(x.node, `dy must have shape ${formatShape(resized)}, got ${formatShape(dy.shape)}`);
    }
    return [outputSpec(x.node, dy.dtype, shape)];
  },

  evaluate(node, inputs) {
    const dy = requiredTensor(node, inputs, 0);
    const shape = originalShape(node, dy.shape);
    return [
      resizedAxes(node, shape).reduce((t, { axis, samples }) => gatherSamples(t, axis, samples, shape[axis]), dy),
    ];
  },
};

/** The shape before resizing, from the attribute of a `ResizeGrad`. */
export function originalShape<D extends Dim>(node: Node, resized: Shape<D>): Shape<D | number> {
  const shape = intsAttr(node, 'shape');
  if (shape.length !== resized.length)
    throw new OpError(node, `shape must be ${resized.length} numbers, got [${shape}]`);
  return resized.map((dim, axis) => shape[axis] || dim);
}

/** The axes that change, each with what it is made of. Their extents are known. */
export function resizedAxes(node: Node, shape: readonly number[]): { axis: number; samples: Samples }[] {
  const to = getExtents(resizedShape(node, shape));
  return resizeScales(node, shape.length).flatMap((scale, axis) => {
    return scale === 1 ? [] : [{ axis, samples: axisSamples(node, shape[axis], to[axis], scale) }];
  });
}

/** Visits each pair of a block of the resized tensor and one of the original that has a share of it. */
function eachSample(
  outer: number,
  from: number,
  { first, second, share }: Samples,
  visit: (resized: number, original: number, share: number) => void,
): void {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < first.length; i++) {
      const at = o * first.length + i;
      visit(at, o * from + first[i], 1 - share[i]);
      if (share[i] !== 0) visit(at, o * from + second[i], share[i]);
    }
  }
}

function sampleAxis({ dtype, shape, data }: RefTensor, axis: number, samples: Samples): RefTensor {
  const inner = elementCount(shape.slice(axis + 1));
  const to = shape.with(axis, samples.first.length);
  const out = new Float64Array(elementCount(to));
  eachSample(elementCount(shape.slice(0, axis)), shape[axis], samples, (resized, original, share) => {
    for (let k = 0; k < inner; k++) out[resized * inner + k] += share * data[original * inner + k];
  });
  return { dtype, shape: to, data: out };
}

function gatherSamples({ dtype, shape, data }: RefTensor, axis: number, samples: Samples, from: number): RefTensor {
  const inner = elementCount(shape.slice(axis + 1));
  const to = shape.with(axis, from);
  const out = new Float64Array(elementCount(to));
  eachSample(elementCount(shape.slice(0, axis)), from, samples, (resized, original, share) => {
    for (let k = 0; k < inner; k++) out[original * inner + k] += share * data[resized * inner + k];
  });
  return { dtype, shape: to, data: out };
}

export const RESIZE_OPS: readonly OpSpec[] = [resize, resizeGrad];
