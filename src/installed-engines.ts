import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * What this installation can compute with, by where packages are: nothing is loaded, so the API may ask too. Whether
 * the driver of a GPU answers shows only when a job opens the engine.
 */
export interface InstalledEngine {
  readonly name: 'native' | 'onnxruntime' | 'tensorflow';
  readonly device: 'cpu' | 'cuda';
}

/** The devices that each engine can be told to compute on; `auto` takes the fastest that it may choose by itself. */
export const ENGINE_DEVICES = {
  auto: ['auto', 'cpu', 'cuda', 'webgpu'],
  native: ['auto', 'cpu'],
  onnxruntime: ['auto', 'cpu', 'webgpu'],
  tensorflow: ['auto', 'cuda'],
} as const;

export type EngineName = keyof typeof ENGINE_DEVICES;
export type DeviceName = (typeof ENGINE_DEVICES)[EngineName][number];

export interface TensorFlowPackage {
  readonly name: string;
  readonly device: InstalledEngine['device'];
}

/** The optional packages that hold TensorFlow, the preferred first. */
export const TENSORFLOW_PACKAGES: readonly TensorFlowPackage[] = [
  { name: '@tensorflow/tfjs-node-gpu', device: 'cuda' },
  { name: '@tensorflow/tfjs-node', device: 'cpu' },
];

/** @example installedEngines() // [{ name: 'native', device: 'cpu' }, { name: 'onnxruntime', device: 'cpu' }] */
export function installedEngines(): InstalledEngine[] {
  const tensorflow = TENSORFLOW_PACKAGES.filter(({ name }) => isBuilt(name));
  return [
    ...(findNativeAddon() === undefined ? [] : [{ name: 'native', device: 'cpu' } as const]),
    { name: 'onnxruntime', device: 'cpu' },
    ...tensorflow.map(({ device }): InstalledEngine => ({ name: 'tensorflow', device })),
  ];
}

/** Where `npm install` builds the native engine, seen from the sources and from dist/. */
const ADDON_PLACES = ['../build/native/espalier.node', '../../build/native/espalier.node'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

/** The file of the native engine; undefined where the install found no compiler. */
export function findNativeAddon(): string | undefined {
  return ADDON_PLACES.find((path) => existsSync(path));
}

const require = createRequire(import.meta.url);

/** Whether a package of TensorFlow.js is there with its native library, which its install script fetches. */
function isBuilt(name: string): boolean {
  try {
    const library = join(dirname(require.resolve(`${name}/package.json`)), 'lib');
    return readdirSync(library, { recursive: true }).some((path) => String(path).endsWith('tfjs_binding.node'));
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** True for the error of a module, or a folder, that is not there. */
export function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'MODULE_NOT_FOUND' || code === 'ENOENT';
}
