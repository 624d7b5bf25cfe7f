import type { OpSpec } from '../op-spec.js';
import { ACTIVATION_GRAD_OPS } from './gradients-activation.js';
import { CONV_GRAD_OPS } from './gradients-conv.js';
import { POOL_GRAD_OPS } from './gradients-pool.js';

/** The gradient primitives: what the rules of `autodiff/` can't build from other ops well. */
export const GRADIENT_OPS = [...ACTIVATION_GRAD_OPS, ...CONV_GRAD_OPS, ...POOL_GRAD_OPS].map(
  (spec): OpSpec => ({ ...spec, training: true }),
);
