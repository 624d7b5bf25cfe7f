export { type Addon, loadAddon } from './addon.js';
export { createNativeEngine } from './engine.js';
export { findUnsupported } from './supports.js';
