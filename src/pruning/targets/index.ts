export type { Allocation, SensitivityCurve } from './allocations.js';
export { CostModel, type LatencyModel, type SubnetCost } from './cost-model.js';
export * from './planner.js';
export { ratioChoices } from './ratio-choices.js';
