import type { Scaling, Split } from '../../data/index.js';
import type { Engine } from '../../engine/engine.js';
import { type Graph, type GraphOutput, getSpec } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import { batchSizeFor } from './batch-size.js';

/** Which samples of a split a batch has, and how many it holds: more where a file takes no fewer. */
export interface BatchPlace {
  readonly start: number;
  readonly count: number;
  readonly size: number;
}

/** Looks at what a network gives while samples go through it. */
export interface OutputReader {
  /** The network with what computes that, and the values to be handed to {@link read} by their names. */
  ask(graph: Graph): { readonly graph: Graph; readonly outputs: readonly GraphOutput[] };
  read(place: BatchPlace, outputs: ReadonlyMap<string, Tensor>): void;
}

/** Runs a graph over a split for its outputs alone. @throws the signal's reason */
export async function readOutputs(
  { engine, graph }: { readonly engine: Engine; readonly graph: Graph },
  { split, scaling }: { readonly split: Split; readonly scaling: Scaling },
  reader: OutputReader,
  signal?: AbortSignal,
): Promise<void> {
  const asked = reader.ask(graph);
  if (asked.outputs.length === 0) return;
  const [input] = graph.inputs;
  const [extent] = getSpec(graph, input).shape;
  const most = typeof extent === 'number' ? extent : batchSizeFor(graph);
  const compiled = await engine.compile({ ...asked.graph, outputs: asked.outputs });
  try {
    for (let start = 0; start < split.count; start += most) {
      signal?.throwIfAborted();
      const count = Math.min(most, split.count - start);
      const size = typeof extent === 'number' ? extent : count;
      // A file for one batch size is fed its last sample again.
      const indices = Array.from({ length: size }, (_, i) => start + Math.min(i, count - 1));
      const outputs = await compiled.run(new Map([[input, (await split.batch(indices, scaling)).x]]));
      reader.read({ start, count, size }, outputs);
    }
  } finally {
    await compiled.release();
  }
}
