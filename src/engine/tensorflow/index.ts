export { createTensorFlowEngine } from './engine.js';
export { loadTensorFlow } from './load.js';
