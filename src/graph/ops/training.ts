import type { OpSpec } from '../op-spec.js';
import { REDUCTION_OPS } from './training-reduce.js';
import { SELECTION_OPS } from './training-select.js';
import { SLICE_OP } from './training-slice.js';

/** Ops that training steps need besides those of models and the gradient primitives. */
export const TRAINING_OPS: readonly OpSpec[] = [...REDUCTION_OPS, ...SELECTION_OPS, SLICE_OP];
