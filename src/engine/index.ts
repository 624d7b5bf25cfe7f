import { availableParallelism } from 'node:os';
import { EspalierError } from '../errors.js';
import type { Engine } from './engine.js';

export type { CompiledGraph, Engine } from './engine.js';
export { type Latency, measureLatency } from './latency.js';

export type EngineName = 'auto' | 'onnxruntime' | 'tensorflow';

interface Options {
  readonly threads: number;
}

/** How each engine is opened; their packages are imported only then. */
const ENGINES: Readonly<Record<EngineName, (options: Options) => Promise<Engine>>> = {
  auto: openOnnxRuntime,
  onnxruntime: openOnnxRuntime,
  tensorflow: async () => {
    throw new EspalierError('UNAVAILABLE', 'The tensorflow engine is not part of this version; use onnxruntime');
  },
};

async function openOnnxRuntime(options: Options): Promise<Engine> {
  const { createOnnxRuntimeEngine } = await import('./onnxruntime/index.js');
  return createOnnxRuntimeEngine(options);
}

/**
 * Opens the engine that runs graphs. `auto` is onnxruntime on the CPU.
 * @param options.threads threads of one operator; 0 means as many as the machine runs at once.
 * @throws EspalierError UNAVAILABLE for an engine that this installation lacks.
 */
export async function openEngine(options: { engine: EngineName; threads: number }): Promise<Engine> {
  const threads = options.threads === 0 ? availableParallelism() : options.threads;
  return ENGINES[options.engine]({ threads });
}
