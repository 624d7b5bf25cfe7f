import type { OpSpec } from '../op-spec.js';
import { GRADIENT_OPS } from './gradients.js';
import { TRAINING_OPS } from './training.js';

/** Every op kind of the IR, one row each. A new op is one file (or one entry in its family's file) and one row here. */
const OPS: readonly OpSpec[] = [...TRAINING_OPS, ...GRADIENT_OPS];

const BY_NAME = new Map(OPS.map((spec) => [spec.op, spec]));

export function findOp(op: string): OpSpec | undefined {
  return BY_NAME.get(op);
}

/** @throws Error for an op kind that the IR doesn't have. */
export function getOp(op: string): OpSpec {
  const spec = BY_NAME.get(op);
  if (!spec) throw new Error(`unknown op ${op}`);
  return spec;
}

export function opNames(): string[] {
  return [...BY_NAME.keys()].sort();
}
