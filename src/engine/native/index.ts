export { type Addon, findAddon, loadAddon } from './addon.js';
export { createNativeEngine } from './engine.js';
export { findUnsupported } from './supports.js';
