import { findNativeAddon } from '../../src/installed-engines.js';

/** What `auto` is on a CPU, with what this machine could build. */
export const CPU_ENGINE = findNativeAddon() === undefined ? 'onnxruntime' : 'native';
