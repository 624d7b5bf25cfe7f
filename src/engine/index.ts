import { availableParallelism } from 'node:os';
import { EspalierError } from '../errors.js';
import { type DeviceName, ENGINE_DEVICES, type EngineName, findNativeAddon } from '../installed-engines.js';
import { withCodedFaults } from './coded-faults.js';
import type { Engine } from './engine.js';
import { withFallback } from './fallback.js';
import type { ModelFile } from './onnxruntime/index.js';

export type { CompiledGraph, CompileOptions, Engine } from './engine.js';
export { estimateMedian, type Latency, type MedianEstimate, measureLatency, medianOf, timeRuns } from './latency.js';
export type { FileResult, ModelFile } from './onnxruntime/index.js';
export type { DeviceName, EngineName };

interface Options {
  readonly threads: number;
  readonly notice: (line: string) => void;
}

type Opener = (options: Options) => Promise<Engine>;
type Devices<E extends EngineName> = (typeof ENGINE_DEVICES)[E][number];

/** How each engine is opened on each of its devices; their packages are imported only then. */
const OPENERS: { readonly [E in EngineName]: Readonly<Record<Devices<E>, Opener>> } = {
  auto: { auto: openFastest, cpu: openCpu, cuda: openCuda, webgpu: openWebGpu },
  native: { auto: openNative, cpu: openNative },
  onnxruntime: { auto: openOnnxRuntime, cpu: openOnnxRuntime, webgpu: openWebGpu },
  tensorflow: { auto: openTensorFlow, cuda: openCuda },
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

async function openWebGpu({ threads }: Options): Promise<Engine> {
  const { openWebGpuEngine } = await import('./onnxruntime/index.js');
  return openWebGpuEngine({ threads });
}

async function openCuda({ threads }: Options): Promise<Engine> {
  const { createTensorFlowEngine, loadTensorFlow } = await import('./tensorflow/index.js');
  const loaded = await loadTensorFlow({ threads, gpu: true });
  if (!('tf' in loaded)) throw new EspalierError('UNAVAILABLE', `there is no CUDA device here: ${loaded.reason}`);
  return createTensorFlowEngine({ ...loaded, threads });
}

async function openTensorFlow({ threads }: Options): Promise<Engine> {
  const { createTensorFlowEngine, loadTensorFlow } = await import('./tensorflow/index.js');
  const loaded = await loadTensorFlow({ threads, gpu: false });
  if (!('tf' in loaded)) throw new EspalierError('UNAVAILABLE', `there is no tensorflow engine here: ${loaded.reason}`);
  return createTensorFlowEngine({ ...loaded, threads });
}

/** Opens an ONNX file in onnxruntime, as it is. @throws Error with what onnxruntime says of a file that it doesn't take */
export async function openModelFile(model: Uint8Array | string, options: { threads: number }): Promise<ModelFile> {
  const { openModelFile: open } = await import('./onnxruntime/index.js');
  return open(model, { threads: options.threads === 0 ? availableParallelism() : options.threads });
}

/** The native engine, where it is built; what it lacks is left to onnxruntime. */
async function openCpu(options: Options): Promise<Engine> {
  if (findNativeAddon() === undefined) return openOnnxRuntime(options);
  const { createNativeEngine, loadAddon } = await import('./native/index.js');
  const loaded = loadAddon();
  if (!('addon' in loaded)) {
    options.notice(`computing without the native engine: ${loaded.reason}`);
    return openOnnxRuntime(options);
  }
  const native = createNativeEngine(loaded.addon, options);
  return withFallback(native, () => openOnnxRuntime(options), options.notice);
}

/**
 * CUDA, where it loads; else the faster ones of a CPU. Never WebGPU by itself: onnxruntime doesn't tell a GPU from an
 * adapter that computes in software, which is far slower than either.
 */
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
 * @param options.device what it computes on, of those that the engine has ({@link ENGINE_DEVICES}); `auto` by default.
 * @param options.threads threads of one operator; 0 means as many as the machine runs at once.
 * @param options.notice gets a line that says why `auto` is not on a GPU.
 * @returns an engine whose faults are coded (ENGINE_FAILED and others)
 * @throws EspalierError UNAVAILABLE for an engine that this installation lacks, saying how to install it, or a device that
 * does not answer; RangeError for a device that the engine never has.
 * @example const engine = await openEngine({ engine: 'auto', threads: 0 });
 */
export async function openEngine(options: {
  engine: EngineName;
  device?: DeviceName;
  threads: number;
  notice?: (line: string) => void;
}): Promise<Engine> {
  const { engine, device = 'auto', notice = () => {} } = options;
  const threads = options.threads === 0 ? availableParallelism() : options.threads;
  const openers: Partial<Record<DeviceName, Opener>> = OPENERS[engine];
  const open = openers[device];
  if (!open)
    throw new RangeError(`the engine ${engine} is never on ${device}, but on ${ENGINE_DEVICES[engine].join(', ')}`);
  return withCodedFaults(await open({ threads, notice }));
}
