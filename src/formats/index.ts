/** Model files to graphs and back. */
export {
  type ArchiveLimits,
  DEFAULT_LIMITS,
  fileSetOf,
  type OpenFileSet,
  openFileSet,
  writeZip,
} from '../archive/index.js';
export { detectFormat, MODEL_FORMATS } from './detect.js';
export type { FileSet, LoadedModel, ModelFormat, ReadOptions, WriteOptions } from './format.js';
export { findOnnxFiles } from './onnx/onnx-file.js';
