import { FIXED } from '../channels.js';
import type { Node } from '../graph.js';
import { heldResults } from '../held.js';
import { type InferInput, OpError, type OpSpec } from '../op-spec.js';
import { elementCount } from '../tensor.js';
import { flagAttr, intAttr, intsAttr } from './attributes.js';
import { broadcastOffsets } from './broadcast.js';
import { expectKind, normalizeAxis, outputSpec, requiredInput, requiredTensor } from './checks.js';
import { LEAST } from './softmax.js';

/** The axes that a `ReduceSum`, `ReduceMean` or `ReduceMax` takes together, from the front. */
export function reducedAxes(node: Node, rank: number): ReadonlySet<number> {
  return new Set(intsAttr(node, 'axes').map((axis) => normalizeAxis(node, axis, rank)));
}

function axisOf(node: Node, rank: number): number {
  if (node.attrs.axis === undefined) throw new OpError(node, 'the attribute axis is missing');
  return normalizeAxis(node, intAttr(node, 'axis', 0), rank);
}

function reduceShape<D>(shape: readonly D[], axes: ReadonlySet<number>, keep: boolean): (D | 1)[] {
  return keep ? shape.map((d, i) => (axes.has(i) ? 1 : d)) : shape.filter((_, i) => !axes.has(i));
}

function inferReduced(x: InferInput, axes: (node: Node, rank: number) => ReadonlySet<number>) {
  const input = requiredInput(x, 0, 'x');
  expectKind(x.node, input, 'number', 'x');
  const { dtype, shape } = input;
  const keep = flagAttr(x.node, 'keepdims', true);
  return outputSpec(x.node, dtype, reduceShape(shape, axes(x.node, shape.length), keep));
}

/** After pruning the kept channels are reduced. The others pass. */
const reduceChannels: NonNullable<OpSpec['channels']> = (node, ctx) => {
  const input = ctx.input(0);
  const axes = reducedAxes(node, input.length);
  for (const axis of axes) ctx.renormalise(input[axis]);
  const left = input.map((channels, axis) => (axes.has(axis) ? FIXED : channels));
  ctx.setOutput(0, flagAttr(node, 'keepdims', true) ? left : left.filter((_, axis) => !axes.has(axis)));
};

/** A reduction is a start value, a fold, and what is done to the result of folding `count` elements. */
function reduction(
  op: string,
  neutral: number,
  start: number,
  fold: (acc: number, value: number) => number,
  finish: (acc: number, count: number) => number = (acc) => acc,
): OpSpec {
  return {
    op,
    inputs: [1, 1],
    neutral,
    ...(op === 'ReduceMean' && { averages: true }),
    infer: (x) => [inferReduced(x, reducedAxes)],
    mixes: (node, rank) => [...reducedAxes(node, rank)],
    channels: reduceChannels,
    evaluate(node, inputs) {
      const { dtype, shape, data } = requiredTensor(node, inputs, 0);
      const axes = reducedAxes(node, shape.length);
      const offsets = broadcastOffsets(reduceShape(shape, axes, true), shape);
      const outShape = reduceShape(shape, axes, flagAttr(node, 'keepdims', true));
      const out = new Float64Array(elementCount(outShape)).fill(start);
      for (let i = 0; i < data.length; i++) out[offsets[i]] = fold(out[offsets[i]], data[i]);
      const count = elementCount(shape.filter((_, i) => axes.has(i)));
      const result = heldResults(dtype, (acc: number) => finish(acc, count));
      return [{ dtype, shape: outShape, data: out.map((acc) => result(acc)) }];
    },
  };
}

/** The index of the largest element along one axis, the first of equals. */
const argMax: OpSpec = {
  op: 'ArgMax',
  inputs: [1, 1],
  infer: (x) => [{ ...inferReduced(x, (node, rank) => new Set([axisOf(node, rank)])), dtype: 'int64' }],
  mixes: (node, rank) => [axisOf(node, rank)],
  hides: () => true,
  evaluate(node, inputs) {
    const { shape, data } = requiredTensor(node, inputs, 0);
    const axis = axisOf(node, shape.length);
    const extent = shape[axis];
    const inner = elementCount(shape.slice(axis + 1));
    const outShape = reduceShape(shape, new Set([axis]), flagAttr(node, 'keepdims', true));
    const out = new Float64Array(elementCount(outShape));
    for (let i = 0; i < out.length; i++) {
      const first = Math.floor(i / inner) * extent * inner + (i % inner);
      for (let k = 1; k < extent; k++) {
        if (data[first + k * inner] > data[first + out[i] * inner]) out[i] = k;
      }
    }
    return [{ dtype: 'int64', shape: outShape, data: out }];
  },
};

const sum = (acc: number, value: number): number => acc + value;

export const REDUCTION_OPS: readonly OpSpec[] = [
  reduction('ReduceSum', 0, 0, sum),
  reduction('ReduceMean', 0, 0, sum, (acc, count) => acc / count),
  reduction('ReduceMax', LEAST, Number.NEGATIVE_INFINITY, (acc, value) => Math.max(acc, value)),
  argMax,
];
