import type { Plan, PlanOptions, Target } from '../../pruning/index.js';

/** Choices for a target, as the config shares out what goes. */
export type Planner = (target: Target, options?: Pick<PlanOptions, 'latency' | 'blockOf'>) => Plan;
