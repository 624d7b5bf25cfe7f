import type { OptimizerSpec } from '../training-step.js';
import { createAdam } from './adam.js';
import type { Optimizer } from './optimizer.js';
import { createRmsprop } from './rmsprop.js';
import { createSgd } from './sgd.js';

type Factories = { [K in OptimizerSpec['type']]: (spec: OptimizerSpec & { type: K }) => Optimizer };

const OPTIMIZERS: Factories = { sgd: createSgd, adam: createAdam, adamw: createAdam, rmsprop: createRmsprop };

export function createOptimizer(spec: OptimizerSpec): Optimizer {
  const create = OPTIMIZERS[spec.type] as (spec: OptimizerSpec) => Optimizer;
  return create(spec);
}
