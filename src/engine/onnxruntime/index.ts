export { createOnnxRuntimeEngine } from './engine.js';
