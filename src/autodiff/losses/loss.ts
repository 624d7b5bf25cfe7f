import type { StepBuilder } from '../step-builder.js';

/** A loss of rows `[rows, width]` against targets of the same shape. */
export interface Loss {
  /** The loss of each row, `[rows]`. */
  perRow(b: StepBuilder, rows: string, target: string): string;
  /** The gradient of each row's loss by the row, divided by the scalar `count`. */
  gradient(b: StepBuilder, rows: string, target: string, count: string): string;
}

/** Times a number, where it is not 1. */
export function times(b: StepBuilder, value: string, factor: number): string {
  return factor === 1 ? value : b.op('Mul', [value, b.scalar(factor, value)]);
}
