import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';

/** Runs graphs. Engines agree with each other and with the float64 reference. */
export interface Engine {
  readonly name: string;
  readonly device: string;
  readonly threads: number;
  /** Compiles once, runs often. */
  compile(graph: Graph, options?: CompileOptions): Promise<CompiledGraph>;
  /** Of an engine that leaves some graphs to another: which one computes this graph, and why; undefined: itself. */
  delegate?(graph: Graph): Promise<{ readonly engine: Engine; readonly reason: string } | undefined>;
}

export interface CompileOptions {
  /**
   * What threads do while they have no work: `spin` (the default) is fastest for one graph that is run over and over;
   * `sleep` leaves the cores to another graph, for those that take turns.
   */
  readonly idle?: 'spin' | 'sleep';
}

export interface CompiledGraph {
  /**
   * Feeds every graph input by id, fetches every graph output by name. Symbolic dimensions may differ from run to run.
   * @param spent by output name, tensors that nobody reads any more, as the results of the run before the last: an engine
   * may write results over them rather than into fresh memory. Feeds are never written.
   * @throws Error naming the input that is missing or whose shape or dtype doesn't fit.
   */
  run(feeds: ReadonlyMap<string, Tensor>, spent?: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>>;
  /**
   * Bytes that a run takes beside its inputs and outputs, for inputs of these shapes (by id). Absent where an engine
   * can't tell beforehand.
   */
  memoryBytes?(feeds: Readonly<Record<string, readonly number[]>>): number;
  release(): Promise<void>;
}
