/**
 * Espalier as a library: read a model, find its units, choose channels, write it back narrower; or run a whole job.
 * docs/guide.md has worked examples. Named are the files themselves, not the indexes of their folders: a user's compiler reads the
 * declarations of whatever is named here, and these lead to no other package's.
 */
export type { OpenFileSet } from './archive/file-set.js';
export { DEFAULT_LIMITS } from './archive/limits.js';
export { openFileSet } from './archive/open.js';
export { writeZip } from './archive/zip-writer.js';
export type {
  Artifact,
  DatasetInspection,
  JobListener,
  JobOutcome,
  JobResult,
  JobSpec,
  ModelInspection,
  ModelStage,
  StageRow,
} from './contract.js';
export { EspalierError } from './errors.js';
export { detectFormat, MODEL_FORMATS } from './formats/detect.js';
export type { LoadedModel, ModelFormat } from './formats/format.js';
export { GraphBuilder } from './graph/builder.js';
export { graphCost } from './graph/cost.js';
export { evaluateGraph } from './graph/evaluate.js';
export type { Graph, Node } from './graph/graph.js';
export { type Tensor, tensor } from './graph/tensor.js';
export { inspectDataset, inspectModel } from './pipeline/inspect.js';
export { type Framework, loadParts, type PluginModule } from './pipeline/plugins.js';
export { runJob } from './pipeline/run-job.js';
export { trainModel } from './pipeline/train-model.js';
export { resolveConfig } from './prune-config/resolve.js';
export type { PruneConfig } from './prune-config/resolved.js';
export * from './pruning/index.js';

// So that mutators and algorithms draw themselves.
import './drawing/index.js';
