import { type DimProduct, dimProduct, divideProducts, formatShape, getExtents, sameProduct, toDim } from '../dims.js';
import type { Dim, Node, Shape } from '../graph.js';
import { OpError, type OpSpec } from '../op-spec.js';
import { PASSED_ON } from '../value-range.js';
import { intAttr, intsAttr } from './attributes.js';
import { normalizeAxis, outputSpec, requiredInput, requiredTensor } from './checks.js';
import { reshapeChannels } from './reshape-channels.js';

const reshape: OpSpec = {
  op: 'Reshape',
  inputs: [1, 1],
  view: 'same',
  infer(x) {
    const input = requiredInput(x, 0, 'x');
    return [outputSpec(x.node, input.dtype, reshapedShape(x.node, input.shape))];
  },
  channels: reshapeChannels,
  slice(node, ctx) {
    const extents = ctx.newOutputShape(0);
    const input = ctx.inputShape(0);
    const shape = intsAttr(node, 'shape').map((requested, axis) => {
      const extent = extents[axis];
      if (requested === -1 || typeof extent === 'string') return requested;
      if (requested !== 0) return extent;
      const copied = ctx.keptIn(0, axis)?.length ?? input[axis];
      return copied === extent ? 0 : extent;
    });
    return { ...node.attrs, shape };
  },
  wants: () => PASSED_ON,
  evaluate(node, inputs) {
    const x = requiredTensor(node, inputs, 0);
    return [{ ...x, shape: getExtents(reshapedShape(node, x.shape)) }];
  },
};

const flatten: OpSpec = {
  op: 'Flatten',
  inputs: [1, 1],
  view: 'same',
  infer(x) {
    const input = requiredInput(x, 0, 'x');
    return [outputSpec(x.node, input.dtype, flattenedShape(x.node, input.shape))];
  },
  channels: reshapeChannels,
  wants: () => PASSED_ON,
  evaluate(node, inputs) {
    const x = requiredTensor(node, inputs, 0);
    return [{ ...x, shape: getExtents(flattenedShape(node, x.shape)) }];
  },
};

function flattenedShape(node: Node, shape: Shape): Dim[] {
  const axis = normalizeAxis(node, intAttr(node, 'axis', 1), shape.length, true);
  return [toDim(dimProduct(shape.slice(0, axis))), toDim(dimProduct(shape.slice(axis)))];
}

/** Resolves 0 (copies the input's extent) and one -1 (what is left) of a Reshape's `shape`. */
function reshapedShape(node: Node, shape: Shape): Dim[] {
  const requested = intsAttr(node, 'shape');
  if (requested.some((d) => d < -1) || requested.filter((d) => d === -1).length > 1) {
    throw new OpError(node, `shape must be numbers from 0 and at most one -1, got [${requested}]`);
  }
  const dims = requested.map((d, i) => {
    if (d !== 0) return d;
    if (i >= shape.length) throw new OpError(node, `shape copies axis ${i}, x has shape ${formatShape(shape)}`);
    return shape[i];
  });
  const total = dimProduct(shape);
  const given = dimProduct(dims.filter((d) => d !== -1));
  const rest: DimProduct | undefined = divideProducts(total, given);
  const inferred = dims.indexOf(-1);
  if (inferred < 0 ? !sameProduct(total, given) : !rest) {
    throw new OpError(node, `x of shape ${formatShape(shape)} can not take shape [${requested}]`);
  }
  return inferred < 0 ? dims : dims.with(inferred, toDim(rest!));
}

export const RESHAPE_OPS: readonly OpSpec[] = [reshape, flatten];
