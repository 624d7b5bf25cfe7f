import type { CompiledGraph, Engine } from '../../src/engine/index.js';
import type { Graph } from '../../src/graph/graph.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { timed } from './timed.js';

/** The forward pass of a net on another engine than the one that is measured. */
export class ForwardSide {
  readonly #forward: CompiledGraph;
  readonly #feeds: ReadonlyMap<string, Tensor>;

  static async open(engine: Engine, graph: Graph, images: Tensor): Promise<ForwardSide> {
    return new ForwardSide(await engine.compile(graph), images);
  }

  private constructor(forward: CompiledGraph, images: Tensor) {
    this.#forward = forward;
    this.#feeds = new Map([['x', images]]);
  }

  forward(runs: number): Promise<number[]> {
    return timed(runs, () => this.#forward.run(this.#feeds));
  }

  close(): Promise<void> {
    return this.#forward.release();
  }
}
