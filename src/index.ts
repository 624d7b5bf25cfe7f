/**
 * Espalier as a library: read a model, find its units, choose channels, write it back narrower; or run a whole job.
 * docs/guide.md has worked examples.
 */
export { DEFAULT_LIMITS, type OpenFileSet, openFileSet, writeZip } from './archive/index.js';
export { EspalierError } from './errors.js';
export { detectFormat, type LoadedModel, MODEL_FORMATS, type ModelFormat } from './formats/index.js';
export { GraphBuilder } from './graph/builder.js';
export { graphCost } from './graph/cost.js';
export { evaluateGraph } from './graph/evaluate.js';
export type { Graph, Node } from './graph/graph.js';
export { type Tensor, tensor } from './graph/tensor.js';
export type {
  Artifact,
  DatasetInspection,
  JobListener,
  JobOutcome,
  JobResult,
  JobSpec,
  ModelInspection,
} from './pipeline/contract.js';
export {
  type Framework,
  inspectDataset,
  inspectModel,
  installedNames,
  loadParts,
  type PluginModule,
  runJob,
  trainModel,
} from './pipeline/index.js';
export { BUILT_IN_NAMES, type InstalledNames, type PruneConfig, resolveConfig } from './prune-config/index.js';
export * from './pruning/index.js';
