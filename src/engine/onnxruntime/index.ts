export { createOnnxRuntimeEngine } from './engine.js';
export { openWebGpuEngine } from './webgpu.js';
