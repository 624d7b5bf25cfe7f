/**
 * The config of a job: TypeBox schema, aliases, defaults, cross-field checks. A leaf: api, jobs, pipeline and CLI use it.
 */
export { type ConfigFault, checkConfigAgainstModel } from './check-model.js';
export { bucketsAreShares, choiceFault, keepsAll, unitArgsOf } from './choices.js';
export { algorithmInCode } from './in-code.js';
export type { DatasetInspection, ModelInspection, TensorInfo } from './inspection.js';
export { BUILT_IN_NAMES, type InstalledNames } from './installed.js';
export { resolveConfig } from './resolve.js';
export type {
  Bound,
  PruneConfig,
  Scaling,
  Target,
  UnitArgs,
  UnitConfig,
} from './resolved.js';
export type { AugmentationConfig, FinetuneConfig, LossName, OptimizerConfig } from './resolved-finetune.js';
export { PruneConfigInput } from './schema.js';
export type { RelatedTemplate, UnitsTemplate, UnitTemplate } from './units-template.js';
