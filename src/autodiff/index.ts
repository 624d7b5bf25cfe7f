export { createEvaluationStep, createTeacherStep } from './create-evaluation-step.js';
export { createMicroSteps } from './create-micro-steps.js';
export { createSynthesisStep, hasRunningMoments } from './create-synthesis-step.js';
export { createTrainingStep } from './create-training-step.js';
export { withStatisticsFrozen } from './evaluation-form.js';
export { type ClosingActivation, countClasses, findClosingActivation } from './heads/closing-activation.js';
export { findHeads, type Head } from './heads/head.js';
export { LOSS_KINDS } from './losses/index.js';
export type { SampleBinding, SynthesisStep } from './synthesis-step.js';
export type {
  Distillation,
  DropoutBinding,
  EvaluationStep,
  GradientStep,
  HeadBinding,
  HeadOptions,
  HeadsOptions,
  LabelKind,
  LossKind,
  MetricKind,
  OptimizerSpec,
  SlotBinding,
  StateBinding,
  TeacherStep,
  TrainingOptions,
  TrainingStep,
  UpdateStep,
} from './training-step.js';
