import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';

/** Runs graphs. Engines agree with each other and with the float64 reference. */
export interface Engine {
  readonly name: string;
  readonly device: string;
  readonly threads: number;
  /** Compiles once, runs often. `outputs` names values or graph outputs to fetch; default: the graph's outputs. */
  compile(graph: Graph): Promise<CompiledGraph>;
}

export interface CompiledGraph {
  /**
   * Feeds every graph input by id, fetches every graph output by name. Symbolic dimensions may differ from run to run.
   * @throws Error naming the input that is missing or whose shape or dtype doesn't fit.
   */
  run(feeds: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>>;
  release(): Promise<void>;
}
