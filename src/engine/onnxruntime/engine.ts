import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { EspalierError } from '../../errors.js';
import { type Graph, getSpec } from '../../graph/graph.js';
import type { DType, Tensor, TensorData } from '../../graph/tensor.js';
import { checkedFeed, checkOutput } from '../check-values.js';
import type { CompiledGraph, CompileOptions, Engine } from '../engine.js';
import { DEVICES, type OnnxRuntimeDevice } from './devices.js';
import { faultDetail } from './fault-detail.js';
import { type LoweredGraph, lowerGraph } from './lower-graph.js';

/**
 * A graph becomes one ONNX model and one onnxruntime session. Creating a session takes 50 to 500 ms on the CPU, so compile
 * once per graph; the batch may differ from run to run.
 * @param options.threads threads of one operator, from 1; on WebGPU, of what the host does.
 * @param options.device `webgpu` takes the first adapter that Dawn finds; see {@link openWebGpuEngine}.
 */
export function createOnnxRuntimeEngine(options: { threads: number; device?: OnnxRuntimeDevice }): Engine {
  const { threads, device = 'cpu' } = options;
  if (!Number.isInteger(threads) || threads < 1)
    throw new RangeError(`threads must be a number from 1, got ${threads}`);
  return {
    name: 'onnxruntime',
    device,
    threads,
    async compile(graph, options = {}) {
      const lowered = lowerGraph(graph, DEVICES[device].onHost);
      const session = await openSession(graph, lowered, device, threads, options);
      return new CompiledOnnxGraph(session, graph, lowered.fetches);
    },
  };
}

async function openSession(
  graph: Graph,
  { model, hostNodes }: LoweredGraph,
  device: OnnxRuntimeDevice,
  threads: number,
  { idle = 'spin' }: CompileOptions,
): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(model, {
      executionProviders: [DEVICES[device].provider(hostNodes)],
      executionMode: 'sequential',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      extra: {
        session: { intra_op: { allow_spinning: idle === 'spin' ? '1' : '0' } },
        // It moves pads into pools behind them, and then refuses pools with pads as large as their windows.
        optimization: { disable_specified_optimizers: 'Pad_Fusion' },
      },
    });
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    const foreign = graph.nodes.filter((node) => node.op === 'Opaque').map((node) => node.layer ?? node.name);
    // Operators that came from the user's file as they are may be none that it has.
    if (foreign.length > 0) {
      const layers = foreign.slice(0, 5).join(', ');
      throw new EspalierError('LAYER_UNSUPPORTED', `onnxruntime does not run layers ${layers}: ${detail}`, { cause });
    }
    throw new Error(`onnxruntime does not take graph ${graph.name}: ${detail}`, { cause });
  }
}

class CompiledOnnxGraph implements CompiledGraph {
  readonly #graph: Graph;
  readonly #fetches: ReadonlyMap<string, string>;
  readonly #names: readonly string[];
  #session: InferenceSession | undefined;

  constructor(session: InferenceSession, graph: Graph, fetches: ReadonlyMap<string, string>) {
    this.#session = session;
    this.#graph = graph;
    this.#fetches = fetches;
    this.#names = [...new Set(fetches.values())];
  }

  async run(feeds: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>> {
    const graph = this.#graph;
    const session = this.#session;
    if (!session) throw new Error(`graph ${graph.name} has been released`);
    const symbols = new Map<string, number>();
    const inputs: Record<string, OrtTensor> = {};
    for (const id of graph.inputs) {
      // Wrapped without a copy.
      const { dtype, data, shape } = checkedFeed(graph, id, feeds, symbols);
      inputs[id] = new OrtTensor(dtype, data as Float32Array, shape);
    }
    let results: InferenceSession.OnnxValueMapType;
    try {
      results = await session.run(inputs, this.#names as string[]);
    } catch (cause) {
      throw new Error(`running graph ${graph.name} failed: ${faultDetail(graph, cause)}`, { cause });
    }
    const outputs = new Map<string, Tensor>();
    for (const { name, value } of graph.outputs) {
      const result = results[this.#fetches.get(name)!];
      const { dims } = result;
      checkOutput(name, getSpec(graph, value), result.type, dims, symbols);
      outputs.set(name, { dtype: result.type as DType, shape: dims, data: result.data as TensorData });
    }
    return outputs;
  }

  async release(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.release();
  }
}
