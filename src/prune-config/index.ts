/** The config of a job: TypeBox schema, defaults, checks of fields against each other and against an inspected model. */
export { BUILT_IN_PARTS, type PartRows, rowsOf, type UnitsTemplate, type UnitTemplate } from '../pruning/index.js';
export { type ConfigFault, checkConfigAgainstModel } from './check-model.js';
export {
  DEFAULT_BUDGET,
  DEFAULT_EPOCHS,
  FEW_RATE,
  FEW_SAMPLES,
  FEWEST_STEPS,
  HANDFUL,
  MOST_EPOCHS,
} from './finetune-schema.js';
export type { DatasetInspection, ModelInspection, TensorInfo } from './inspection.js';
export { resolveConfig } from './resolve.js';
export { optimizerAfterSolving } from './resolve-finetune.js';
export type {
  AugmentationConfig,
  Distillation,
  FinetuneConfig,
  LossName,
  OptimizerConfig,
  PruneConfig,
  Scaling,
} from './resolved.js';
export { PruneConfigInput } from './schema.js';
