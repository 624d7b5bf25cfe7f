import { countedElements } from '../dims.js';
import type { Node } from '../graph.js';
import { OpError, type OpSpec } from '../op-spec.js';
import { elementCount, type RefTensor } from '../tensor.js';
import { flagAttr, intsAttr } from './attributes.js';
import {
  axesFrom,
  expectFloat,
  expectKind,
  expectMinRank,
  outputSpec,
  requiredInput,
  requiredTensor,
} from './checks.js';
import { spatialOutput } from './spatial.js';
import { resolveWindow, type Window, windowTaps } from './window.js';

type Pool = (node: Node, x: RefTensor) => RefTensor;

const POOLS: Readonly<Record<string, Pool>> = { MaxPool: maxPool, AveragePool: averagePool };

function poolSpec(op: string, pool: Pool): OpSpec {
  return {
    op,
    inputs: [1, 1],
    batchFirst: true,
    mixes: (_node, rank) => axesFrom(1, rank),
    infer(x) {
      const { node } = x;
      const input = requiredInput(x, 0, 'x');
      expectKind(node, input, op === 'AveragePool' ? 'float' : 'number', 'x');
      expectMinRank(node, input, 3, 'x');
      const window = resolveWindow(node, input.shape.slice(2), intsAttr(node, 'kernel_shape'));
      const span = (i: number) => (window.kernel[i] - 1) * window.dilations[i] + 1;
      if (window.padsBegin.some((p, i) => p >= span(i)) || window.padsEnd.some((p, i) => p >= span(i))) {
        const pads = [...window.padsBegin, ...window.padsEnd];
        throw new OpError(node, `pads [${pads}] must be smaller than the window [${window.kernel}]`);
      }
      return [outputSpec(node, input.dtype, [...input.shape.slice(0, 2), ...window.output])];
    },
    channels: keepChannels,
    cost: inputElements,
    evaluate(node, inputs) {
      return [pool(node, requiredTensor(node, inputs, 0))];
    },
  };
}

const GLOBAL_POOLS: Readonly<Record<string, (plane: Float64Array) => number>> = {
  GlobalAveragePool: (plane) => plane.reduce((sum, v) => sum + v, 0) / plane.length,
  GlobalMaxPool: (plane) => plane.reduce((max, v) => Math.max(max, v), Number.NEGATIVE_INFINITY),
};

function globalPoolSpec(op: string, reduce: (plane: Float64Array) => number): OpSpec {
  return {
    op,
    inputs: [1, 1],
    batchFirst: true,
    mixes: (_node, rank) => axesFrom(1, rank),
    infer(x) {
      const { node } = x;
      const input = requiredInput(x, 0, 'x');
      expectFloat(node, input, 'x');
      expectMinRank(node, input, 3, 'x');
      return [outputSpec(node, input.dtype, globalShape(input.shape))];
    },
    channels: keepChannels,
    cost: inputElements,
    evaluate(node, inputs) {
      const x = requiredTensor(node, inputs, 0);
      const plane = elementCount(x.shape.slice(2));
      const data = Float64Array.from({ length: x.shape[0] * x.shape[1] }, (_, i) =>
        reduce(x.data.subarray(i * plane, (i + 1) * plane)),
      );
      return [{ dtype: x.dtype, shape: globalShape(x.shape), data }];
    },
  };
}

const keepChannels: NonNullable<OpSpec['channels']> = (node, ctx) => {
  const input = ctx.input(0);
  ctx.setOutput(0, spatialOutput(node, ctx, input, input[1]));
};

const inputElements: NonNullable<OpSpec['cost']> = ({ inputs }) => {
  return { macs: 0, mmrazor: countedElements(inputs[0]!.shape) };
};

function globalShape<D extends number | string>(shape: readonly D[]): (D | 1)[] {
  return shape.map((dim, i) => (i < 2 ? dim : 1));
}

function maxPool(node: Node, x: RefTensor): RefTensor {
  const window = poolWindow(node, x);
  return slide(x, window, Number.NEGATIVE_INFINITY, (max, v) => Math.max(max, v));
}

/** Divides by the window's positions in the input; with `count_include_pad` by those in the padded input. */
function averagePool(node: Node, x: RefTensor): RefTensor {
  const window = poolWindow(node, x);
  const sums = slide(x, window, 0, (sum, v) => sum + v);
  const counts = averagePoolCounts(window, x.shape.slice(2), flagAttr(node, 'count_include_pad', false));
  return { ...sums, data: sums.data.map((v, i) => v / counts[i % counts.length]) };
}

/** The divisor at each position of an average pool's output plane. */
export function averagePoolCounts(
  window: Window<number>,
  spatial: readonly number[],
  includePad: boolean,
): Float64Array {
  let counts = Float64Array.of(1);
  window.output.forEach((extent, axis) => {
    const low = includePad ? -window.padsBegin[axis] : 0;
    const high = spatial[axis] + (includePad ? window.padsEnd[axis] : 0);
    const along = Float64Array.from({ length: extent }, (_, o) => {
      const start = o * window.strides[axis] - window.padsBegin[axis];
      let count = 0;
      for (let k = 0; k < window.kernel[axis]; k++) {
        const position = start + k * window.dilations[axis];
        if (position >= low && position < high) count++;
      }
      return count;
    });
    const before = counts;
    counts = Float64Array.from({ length: before.length * extent }, (_, i) => {
      return before[Math.floor(i / extent)] * along[i % extent];
    });
  });
  return counts;
}

function poolWindow(node: Node, x: RefTensor): Window<number> {
  return resolveWindow(node, x.shape.slice(2), intsAttr(node, 'kernel_shape'));
}

/** Folds the values under each window, in row-major order. */
function slide(
  x: RefTensor,
  window: Window<number>,
  initial: number,
  fold: (a: number, v: number) => number,
): RefTensor {
  const spatial = x.shape.slice(2);
  const planes = x.shape[0] * x.shape[1];
  const { taps, step } = windowTaps(window, spatial);
  const inputPlane = elementCount(spatial);
  const outputPlane = elementCount(window.output);
  const data = new Float64Array(planes * outputPlane).fill(initial);
  for (let plane = 0; plane < planes; plane++) {
    const from = plane * inputPlane;
    const to = plane * outputPlane;
    for (const { runs } of taps) {
      for (let r = 0; r < runs.length; r += 3) {
        const start = to + runs[r];
        const end = start + runs[r + 2];
        for (let i = start, source = from + runs[r + 1]; i < end; i++, source += step) {
          data[i] = fold(data[i], x.data[source]);
        }
      }
    }
  }
  return { dtype: x.dtype, shape: [x.shape[0], x.shape[1], ...window.output], data };
}

export const POOLING_OPS: readonly OpSpec[] = [
  ...Object.entries(POOLS).map(([op, pool]) => poolSpec(op, pool)),
  ...Object.entries(GLOBAL_POOLS).map(([op, reduce]) => globalPoolSpec(op, reduce)),
];
