import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { CompiledGraph, CompileOptions, Engine } from './engine.js';
import { GraphRefused } from './refusal.js';

/**
 * An engine that leaves graphs that it refuses to another, which is opened only then: when they are compiled, or when extents
 * that were open turn out to be more than it holds. It has the first one's name; what the other computes, `notice` gets a
 * line about.
 */
export function withFallback(engine: Engine, openOther: () => Promise<Engine>, notice: (line: string) => void): Engine {
  let other: Promise<Engine> | undefined;
  /** Graphs that were refused once their extents were known. */
  const refusedLater = new WeakMap<Graph, GraphRefused>();
  const compileThere = async (
    graph: Graph,
    refusal: GraphRefused,
    options?: CompileOptions,
  ): Promise<CompiledGraph> => {
    other ??= openOther();
    const { name } = await other;
    notice(`${graph.name} is computed by ${name}: ${refusal.message}`);
    return (await other).compile(graph, options);
  };
  return {
    name: engine.name,
    device: engine.device,
    threads: engine.threads,
    async delegate(graph) {
      const refusal = refusedLater.get(graph) ?? engine.findRefusal?.(graph);
      if (!refusal) return undefined;
      other ??= openOther();
      return { engine: await other, reason: refusal.message };
    },
    async compile(graph, options) {
      let own: CompiledGraph;
      try {
        own = await engine.compile(graph, options);
      } catch (error) {
        if (error instanceof GraphRefused) return compileThere(graph, error, options);
        throw error;
      }
      return new RetriedGraph(own, (later) => {
        refusedLater.set(graph, later);
        return compileThere(graph, later, options);
      });
    },
  };
}

/** Goes over to another engine at the first run that its own refuses. */
class RetriedGraph implements CompiledGraph {
  readonly #own: CompiledGraph;
  readonly #compileThere: (refusal: GraphRefused) => Promise<CompiledGraph>;
  #there: Promise<CompiledGraph> | undefined;

  constructor(own: CompiledGraph, compileThere: (refusal: GraphRefused) => Promise<CompiledGraph>) {
    this.#own = own;
    this.#compileThere = compileThere;
  }

  async run(feeds: ReadonlyMap<string, Tensor>, spent?: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>> {
    if (this.#there) return (await this.#there).run(feeds, spent);
    try {
      return await this.#own.run(feeds, spent);
    } catch (error) {
      if (!(error instanceof GraphRefused)) throw error;
      this.#there ??= this.#compileThere(error);
      return (await this.#there).run(feeds, spent);
    }
  }

  memoryBytes(shapes: Readonly<Record<string, readonly number[]>>): number | undefined {
    try {
      return this.#there ? undefined : this.#own.memoryBytes?.(shapes);
    } catch (error) {
      if (error instanceof GraphRefused) return undefined;
      throw error;
    }
  }

  async release(): Promise<void> {
    await this.#own.release();
    await (await this.#there)?.release();
  }
}
