export { type Addon, loadAddon } from './addon.js';
export { createNativeEngine, type NativeEngine } from './engine.js';
