import { availableParallelism } from 'node:os';
import { EspalierError } from '../errors.js';
import type { Engine } from './engine.js';

export type { CompiledGraph, CompileOptions, Engine } from './engine.js';
export { estimateMedian, type Latency, type MedianEstimate, measureLatency, medianOf, timeRuns } from './latency.js';

export type EngineName = 'auto' | 'onnxruntime' | 'tensorflow';

interface Options {
  readonly threads: number;
  readonly notice: (line: string) => void;
}

/** How each engine is opened; their packages are imported only then. */
const ENGINES: Readonly<Record<EngineName, (options: Options) => Promise<Engine>>> = {
  auto: openFastest,
  onnxruntime: openOnnxRuntime,
  tensorflow: openTensorFlow,
};

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

/** CUDA, where it loads: on a CPU onnxruntime is the faster one. */
async function openFastest(options: Options): Promise<Engine> {
  const { createTensorFlowEngine, loadTensorFlow } = await import('./tensorflow/index.js');
  const { threads, notice } = options;
  const loaded = await loadTensorFlow({ threads, gpu: true });
  if ('tf' in loaded) return createTensorFlowEngine({ ...loaded, threads });
  notice(`computing on the CPU: ${loaded.reason}`);
  return openOnnxRuntime(options);
}

/**
 * Opens the engine that runs graphs. `auto` is CUDA where TensorFlow's GPU package is installed and finds a GPU, else
 * onnxruntime on the CPU.
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
