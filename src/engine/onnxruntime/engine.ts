import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { dimProduct } from '../../graph/dims.js';
import { type Graph, getSpec, type TensorSpec } from '../../graph/graph.js';
import { type DType, elementCount, type Tensor, type TensorData } from '../../graph/tensor.js';
import type { CompiledGraph, Engine } from '../engine.js';
import { lowerGraph } from './lower-graph.js';

/**
 * The CPU engine: a graph becomes one ONNX model and one onnxruntime session. Creating a session takes 50 to 500 ms, so
 * compile once per graph; the batch may differ from run to run.
 * @param options.threads threads of one operator, from 1.
 */
export function createOnnxRuntimeEngine(options: { threads: number }): Engine {
  const { threads } = options;
  if (!Number.isInteger(threads) || threads < 1)
    throw new RangeError(`threads must be a number from 1, got ${threads}`);
  return {
    name: 'onnxruntime',
    device: 'cpu',
    threads,
    async compile(graph) {
      const { model, fetches } = lowerGraph(graph);
      const session = await openSession(graph, model, threads);
      return new CompiledOnnxGraph(session, graph, fetches);
    },
  };
}

async function openSession(graph: Graph, model: Uint8Array, threads: number): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(model, {
      executionProviders: ['cpu'],
      executionMode: 'sequential',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
    });
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
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
    for (const id of graph.inputs) inputs[id] = this.#feed(id, feeds.get(id), symbols);
    let results: InferenceSession.OnnxValueMapType;
    try {
      results = await session.run(inputs, this.#names as string[]);
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`running graph ${graph.name} failed: ${detail}`, { cause });
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

  /** Wraps a feed without a copy. */
  #feed(id: string, feed: Tensor | undefined, symbols: Map<string, number>): OrtTensor {
    const spec = getSpec(this.#graph, id);
    const expected = `${spec.dtype} [${spec.shape}]`;
    if (!feed) throw new Error(`input ${id} is missing: graph ${this.#graph.name} expects ${expected}`);
    const found = `${feed.dtype} [${feed.shape}]`;
    if (feed.dtype !== spec.dtype || !matches(spec.shape, feed.shape, symbols)) {
      const bound = [...symbols].map(([symbol, extent]) => `, ${symbol} is ${extent}`).join('');
      throw new Error(`input ${id} is ${found}, graph ${this.#graph.name} expects ${expected}${bound}`);
    }
    const count = elementCount(feed.shape);
    if (feed.data.length !== count) {
      throw new Error(`input ${id} of shape [${feed.shape}] needs ${count} elements, has ${feed.data.length}`);
    }
    return new OrtTensor(feed.dtype, feed.data as Float32Array, feed.shape);
  }
}

/** Compares a shape with its spec; the first use of a symbol fixes its extent. */
function matches(spec: TensorSpec['shape'], shape: readonly number[], symbols: Map<string, number>): boolean {
  if (spec.length !== shape.length) return false;
  return spec.every((dim, i) => {
    if (typeof dim === 'number') return dim === shape[i];
    const known = symbols.get(dim);
    if (known === undefined) symbols.set(dim, shape[i]);
    return known === undefined || known === shape[i];
  });
}

/** A result that isn't what the graph says is a fault of a lowering. */
function checkOutput(
  name: string,
  spec: TensorSpec,
  dtype: string,
  dims: readonly number[],
  symbols: ReadonlyMap<string, number>,
): void {
  const fits = spec.shape.every((dim, i) => {
    const { coefficient, symbols: factors } = dimProduct([dim]);
    const extents = factors.map((symbol) => symbols.get(symbol));
    if (extents.includes(undefined)) return true;
    return dims[i] === extents.reduce<number>((product, extent) => product * extent!, coefficient);
  });
  if (dtype !== spec.dtype || dims.length !== spec.shape.length || !fits) {
    throw new Error(`output ${name} came out as ${dtype} [${dims}], expected ${spec.dtype} [${spec.shape}]`);
  }
}
