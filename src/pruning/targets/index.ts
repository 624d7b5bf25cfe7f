export { CostModel, type LatencyModel, type SubnetCost } from './cost-model.js';
export { type Plan, type PlanOptions, type Prediction, planChoices, predictCost, unreachable } from './planner.js';
export { ratioChoices } from './ratio-choices.js';
