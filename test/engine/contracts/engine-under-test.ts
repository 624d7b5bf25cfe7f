import type { Engine } from '../../../src/engine/index.js';
import type { Graph } from '../../../src/graph/graph.js';

/** An engine as the contract suites of this folder take it. */
export interface EngineUnderTest {
  readonly open: () => Engine | Promise<Engine>;
  /** Absent: it runs every graph of the IR. */
  readonly runs?: (graph: Graph) => boolean;
  /** Tensors that its library holds now. What runs must leave as many as it found. */
  readonly liveTensors?: () => number;
}

/** Live tensors, or a number that never changes. */
export function countTensors({ liveTensors }: EngineUnderTest): number {
  return liveTensors?.() ?? 0;
}
