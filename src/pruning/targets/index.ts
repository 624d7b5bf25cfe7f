export type { Allocation } from './allocations.js';
export { CostModel, type LatencyModel, type SubnetCost } from './cost-model.js';
export * from './planner.js';
export type { BlockOf } from './ranked-channels.js';
export { ratioChoices } from './ratio-choices.js';
export { lossesOf, type SensitivityCurve } from './sensitivity.js';
