import { heldResults } from '../held.js';
import type { InferInput, OpSpec } from '../op-spec.js';
import type { Wanted } from '../value-range.js';
import { broadcastChannels, broadcastRows, broadcastShapes, mapBroadcast } from './broadcast.js';
import { expectDType, expectKind, outputSpec, requiredInput, requiredTensor } from './checks.js';

type Binary = (a: number, b: number) => number;

const ARITHMETIC: Readonly<Record<string, Binary>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Min: Math.min,
  Max: Math.max,
};

/** Indices are often moved by a number before they are used. What is divided by, a length perhaps, is not 0. */
function wantedOf({ node, constant }: InferInput, i: number): Wanted | undefined {
  if (node.op === 'Div' && i === 1) return { low: 1e-3, high: Number.POSITIVE_INFINITY, whole: false };
  const other = constant(1 - i);
  if (other?.data.length !== 1) return undefined;
  const by = Number(other.data[0]);
  if (node.op === 'Add') return ({ low, high, whole }) => ({ low: low - by, high: high - by, whole });
  if (node.op === 'Sub' && i === 0) return ({ low, high, whole }) => ({ low: low + by, high: high + by, whole });
  return undefined;
}

function binarySpec(op: string, f: Binary): OpSpec {
  return {
    op,
    inputs: [2, 2],
    infer(x) {
      const { node } = x;
      const a = requiredInput(x, 0, 'a');
      const b = requiredInput(x, 1, 'b');
      expectKind(node, a, 'number', 'a');
      expectDType(node, b, a.dtype, 'b');
      return [outputSpec(node, a.dtype, broadcastShapes(node, [a.shape, b.shape]))];
    },
    channels(node, ctx) {
      const operands = [0, 1].map((i) => ({ shape: ctx.inputShape(i), axes: ctx.input(i) }));
      ctx.setOutput(0, broadcastChannels(node, ctx, operands, ctx.outputShape(0)));
    },
    byRows: broadcastRows,
    ...((op === 'Add' || op === 'Sub') && { hides: (_node, isConstant) => isConstant(0) || isConstant(1) }),
    wants: wantedOf,
    evaluate(node, inputs) {
      const a = requiredTensor(node, inputs, 0);
      const b = requiredTensor(node, inputs, 1);
      // Of two int32 the product may be more than float64 holds exactly.
      const exact = op === 'Mul' && a.dtype === 'int32' ? Math.imul : f;
      return [mapBroadcast(node, a, b, a.dtype, heldResults(a.dtype, exact))];
    },
  };
}

export const ELEMENTWISE_OPS: readonly OpSpec[] = Object.entries(ARITHMETIC).map(([op, f]) => binarySpec(op, f));
