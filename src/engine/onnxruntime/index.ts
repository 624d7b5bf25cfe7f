export { createOnnxRuntimeEngine } from './engine.js';
export { type FileResult, type ModelFile, openModelFile } from './model-file.js';
export { openWebGpuEngine } from './webgpu.js';
