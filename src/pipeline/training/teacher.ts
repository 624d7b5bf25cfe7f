import { createTeacherStep, type HeadsOptions } from '../../autodiff/index.js';
import type { CompiledGraph, Engine } from '../../engine/engine.js';
import type { Graph } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';

/** The original model, as the pruned one learns from it. */
export interface Teacher {
  /** Its logits or numbers for a batch, by output. */
  outputs(x: Tensor): Promise<ReadonlyMap<string, Tensor>>;
  release(): Promise<void>;
}

/** Compiles the original once. @throws EspalierError NOT_TRAINABLE */
export async function openTeacher(engine: Engine, original: Graph, heads: HeadsOptions): Promise<Teacher> {
  const { graph, inputs, outputs } = createTeacherStep(original, heads);
  const compiled: CompiledGraph = await engine.compile(graph);
  return {
    outputs: async (x) => {
      const results = await compiled.run(new Map([[inputs[0], x]]));
      return new Map([...outputs].map(([name, output]) => [name, results.get(output)!]));
    },
    release: () => compiled.release(),
  };
}
