export { findClassificationHead } from './classification-head.js';
export { createEvaluationStep } from './create-evaluation-step.js';
export { createTrainingStep } from './create-training-step.js';
export type {
  EvaluationStep,
  LossKind,
  OptimizerSpec,
  StateBinding,
  TrainingOptions,
  TrainingStep,
} from './training-step.js';
