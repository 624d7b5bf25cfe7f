import type { Engine } from '../../../src/engine/index.js';
import type { Graph } from '../../../src/graph/graph.js';
import type { DType } from '../../../src/graph/tensor.js';

/** An engine as the contract suites of this folder take it. */
export interface EngineUnderTest {
  readonly open: () => Engine | Promise<Engine>;
  /** Absent: it runs every graph of the IR. */
  readonly runs?: (graph: Graph) => boolean;
  /** Dtypes of an op's main operand that it refuses when compiling; it may still take some such graphs. */
  readonly refuses?: Readonly<Record<string, readonly DType[]>>;
  /** The same, of which it may also take all such graphs. */
  readonly mayRefuse?: Readonly<Record<string, readonly DType[]>>;
  /**
   * Where it differs from the reference at the edges of a dtype, as what is no number: by op, or op and dtype, and why. Absent:
   * it is not asked there.
   */
  readonly edges?: Readonly<Record<string, string>>;
  /** How far float64 results may be off: an engine may compute them in float32. */
  readonly float64Tolerance?: number;
  /** Bits of whole numbers that it holds of an int64. */
  readonly int64Bits?: number;
  /** Tensors that its library holds now. What runs must leave as many as it found. */
  readonly liveTensors?: () => number;
}

/** Live tensors, or a number that never changes. */
export function countTensors({ liveTensors }: EngineUnderTest): number {
  return liveTensors?.() ?? 0;
}
