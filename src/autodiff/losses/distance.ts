import type { StepBuilder } from '../step-builder.js';
import { type Loss, times } from './loss.js';

/** Losses of the difference d between a row and its target: the mean over the row's elements. */
function distance(
  width: number,
  of: (b: StepBuilder, d: string) => string,
  slope: (b: StepBuilder, d: string) => string,
): Loss {
  return {
    perRow: (b, rows, target) => b.op('ReduceMean', [of(b, b.op('Sub', [rows, target]))], { axes: [1], keepdims: 0 }),
    gradient: (b, rows, target, count) => b.op('Div', [slope(b, b.op('Sub', [rows, target])), times(b, count, width)]),
  };
}

/** d². */
export const squaredError = (width: number): Loss =>
  distance(
    width,
    (b, d) => b.op('Mul', [d, d]),
    (b, d) => b.op('Add', [d, d]),
  );

/** |d|; the slope at 0 is 0. */
export const absoluteError = (width: number): Loss =>
  distance(
    width,
    (b, d) => b.op('Abs', [d]),
    (b, d) => {
      const zero = b.scalar(0, d);
      const side = (op: string): string => b.op('Cast', [b.op(op, [d, zero])], { to: 'float32' });
      return b.op('Sub', [side('Greater'), side('Less')]);
    },
  );

/** d²/2 up to `delta`, then straight: c·(d - c/2) with d clipped to c (Huber 1964, `torch.nn.HuberLoss`). */
export const huber = (width: number, delta: number): Loss => {
  const clipped = (b: StepBuilder, d: string): string => b.op('Clip', [d], { min: -delta, max: delta });
  return distance(
    width,
    (b, d) => b.op('Mul', [clipped(b, d), b.op('Sub', [d, times(b, clipped(b, d), 0.5)])]),
    clipped,
  );
};
