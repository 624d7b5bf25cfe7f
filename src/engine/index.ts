import { availableParallelism } from 'node:os';
import { EspalierError } from '../errors.js';
import { findNativeAddon } from '../installed-engines.js';
import type { Engine } from './engine.js';
import { withFallback } from './fallback.js';

export type { CompiledGraph, CompileOptions, Engine } from './engine.js';
export { estimateMedian, type Latency, type MedianEstimate, measureLatency, medianOf, timeRuns } from './latency.js';

export type EngineName = 'auto' | 'native' | 'onnxruntime' | 'tensorflow';

interface Options {
  readonly threads: number;
  readonly notice: (line: string) => void;
}

/** How each engine is opened; their packages are imported only then. */
const ENGINES: Readonly<Record<EngineName, (options: Options) => Promise<Engine>>> = {
  auto: openFastest,
  native: openNative,
  onnxruntime: openOnnxRuntime,
  tensorflow: openTensorFlow,
};

async function openNative({ threads }: Options): Promise<Engine> {
  const { createNativeEngine, loadAddon } = await import('./native/index.js');
  const loaded = loadAddon();
  if (!('addon' in loaded)) throw new EspalierError('UNAVAILABLE', `there is no native engine here: ${loaded.reason}`);
  return createNativeEngine(loaded.addon, { threads });
}

async function openOnnxRuntime({ threads }: Options): Promise<Engine> {
  const { createOnnxRuntimeEngine } = await import('./onnxruntime/index.js');
  return createOnnxRuntimeEngine({ threads });
}

async function openTensorFlow({ threads }: Options): Promise<Engine> {
  const { createTensorFlowEngine, loadTensorFlow } = await import('./tensorflow/index.js');
  const loaded = await loadTensorFlow({ threads, gpu: false });
  if (!('tf' in loaded)) throw new EspalierError('UNAVAILABLE', `there is no tensorflow engine here: ${loaded.reason}`);
  return createTensorFlowEngine({ ...loaded, threads });
}

/** The native engine, where it is built; what it lacks is left to onnxruntime. */
async function openCpu(options: Options): Promise<Engine> {
  if (findNativeAddon() === undefined) return openOnnxRuntime(options);
  const { createNativeEngine, findUnsupported, loadAddon } = await import('./native/index.js');
  const loaded = loadAddon();
  if (!('addon' in loaded)) {
    options.notice(`computing without the native engine: ${loaded.reason}`);
    return openOnnxRuntime(options);
  }
  const native = createNativeEngine(loaded.addon, options);
  return withFallback(native, findUnsupported, () => openOnnxRuntime(options), options.notice);
}

/** CUDA, where it loads; else the faster ones of a CPU. */
async function openFastest(options: Options): Promise<Engine> {
  const { createTensorFlowEngine, loadTensorFlow } = await import('./tensorflow/index.js');
  const { threads, notice } = options;
  const loaded = await loadTensorFlow({ threads, gpu: true });
  if ('tf' in loaded) return createTensorFlowEngine({ ...loaded, threads });
  notice(`computing on the CPU: ${loaded.reason}`);
  return openCpu(options);
}

/**
 * Opens the engine that runs graphs. `auto` is CUDA where TensorFlow's GPU package is installed and finds a GPU, else the
 * native engine where it is built, with onnxruntime for graphs that it lacks an op of, else onnxruntime.
 * @param options.threads threads of one operator; 0 means as many as the machine runs at once.
 * @param options.notice gets a line that says why `auto` is not on a GPU.
 * @throws EspalierError UNAVAILABLE for an engine that this installation lacks, saying how to install it.
 * @example const engine = await openEngine({ engine: 'auto', threads: 0 });
 */
export async function openEngine(options: {
  engine: EngineName;
  threads: number;
  notice?: (line: string) => void;
}): Promise<Engine> {
  const threads = options.threads === 0 ? availableParallelism() : options.threads;
  return ENGINES[options.engine]({ threads, notice: options.notice ?? (() => {}) });
}
