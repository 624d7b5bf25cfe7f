import { createRequire } from 'node:module';
import { isMissing, TENSORFLOW_PACKAGES, type TensorFlowPackage } from '../../installed-engines.js';
import type { TF } from './value.js';

export interface LoadedTensorFlow {
  readonly tf: TF;
  /** What it computes on. The GPU package computes on the CPU where it finds no GPU. */
  readonly device: 'cuda' | 'cpu';
}

/** Why there is none, and what to do, in a line. */
export interface Unloaded {
  readonly reason: string;
}

/** What the libraries read when they start, where nothing else is set. */
const SETTINGS = {
  // A job takes the memory that it needs, not all that the GPU has.
  TF_FORCE_GPU_ALLOW_GROWTH: 'true',
  // Products in full float32: a certificate holds two networks against each other.
  NVIDIA_TF32_OVERRIDE: '0',
  // Warnings and errors.
  TF_CPP_MIN_LOG_LEVEL: '1',
};

const require = createRequire(import.meta.url);

/**
 * Loads TensorFlow into this process: the GPU package, else the CPU one.
 * @param options.threads of one operator, on the CPU.
 * @param options.gpu only what computes on a GPU will do.
 */
export async function loadTensorFlow(options: { threads: number; gpu: boolean }): Promise<LoadedTensorFlow | Unloaded> {
  const wanted = TENSORFLOW_PACKAGES.filter(({ device }) => device === 'cuda' || !options.gpu);
  const reasons: string[] = [];
  for (const candidate of wanted) {
    const loaded = await loadPackage(candidate, options.threads);
    if ('tf' in loaded && (loaded.device === 'cuda' || !options.gpu)) return loaded;
    reasons.push('tf' in loaded ? `${candidate.name} finds no GPU` : loaded.reason);
  }
  return { reason: reasons.join('; ') };
}

async function loadPackage({ name, device }: TensorFlowPackage, threads: number): Promise<LoadedTensorFlow | Unloaded> {
  let path: string;
  try {
    path = require.resolve(name);
  } catch (error) {
    if (!isMissing(error)) throw error;
    return { reason: `${name} is not installed${device === 'cuda' ? ' (`npm run gpu:install` installs it)' : ''}` };
  }
  for (const [name, value] of Object.entries(SETTINGS)) process.env[name] ??= value;
  process.env.TF_NUM_INTRAOP_THREADS = String(threads);
  let tf: TF;
  try {
    tf = require(path);
    await tf.ready();
  } catch (error) {
    const [line] = (error instanceof Error ? error.message : String(error)).split('\n');
    return { reason: `${name} is installed but does not load (${line})` };
  }
  const { isUsingGpuDevice } = tf.backend() as { isUsingGpuDevice?: boolean };
  return { tf, device: isUsingGpuDevice === true ? 'cuda' : 'cpu' };
}
