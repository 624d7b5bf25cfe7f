import type { Engine } from '../engine/engine.js';
import { type Graph, getSpec, producers } from '../graph/graph.js';
import { findOp } from '../graph/ops/index.js';
import type { Tensor } from '../graph/tensor.js';
import type { Block, Values } from './sequence.js';

/** How an output is compared. */
type Kind = 'probabilities' | 'logits' | 'values';

/** How far the outputs of a pruned network are from the original's, over the samples that were added. */
export class Divergence {
  readonly #kinds: ReadonlyMap<string, Kind>;
  readonly #sums = new Map<string, { error: number; scale: number }>();

  constructor(graph: Graph) {
    this.#kinds = new Map(graph.outputs.map(({ name, value }) => [name, kindOf(graph, value)]));
  }

  add(pruned: Values, original: Values): void {
    for (const [name, kind] of this.#kinds) {
      const [found, wanted] = [pruned.get(name)!, original.get(name)!];
      if (wanted.data instanceof BigInt64Array || !('BYTES_PER_ELEMENT' in wanted.data)) continue;
      const sum = this.#sums.get(name) ?? { error: 0, scale: 0 };
      const added = kind === 'values' ? squares(found, wanted) : divergences(found, wanted, kind);
      this.#sums.set(name, { error: sum.error + added.error, scale: sum.scale + added.scale });
    }
  }

  /**
   * The mean over the outputs: of the Kullback-Leibler divergence KL(original ‖ pruned) a sample where they are of classes, else of
   * the squared error as a share of the squared values.
   */
  get value(): number {
    const parts = [...this.#sums.values()].map(({ error, scale }) => (scale > 0 ? error / scale : error));
    const mean = parts.reduce((a, b) => a + b, 0) / Math.max(1, parts.length);
    return Number.isNaN(mean) ? Number.POSITIVE_INFINITY : mean;
  }
}

/** Rows of an output with two axes are taken for logits, as most of those are. */
function kindOf(graph: Graph, value: string): Kind {
  const maker = producers(graph).get(value);
  if (maker && findOp(maker.op)?.probabilities === 'axis') return 'probabilities';
  const { shape } = getSpec(graph, value);
  return shape.length === 2 && typeof shape[1] === 'number' && shape[1] > 1 ? 'logits' : 'values';
}

function squares(found: Tensor, wanted: Tensor): { error: number; scale: number } {
  let [error, scale] = [0, 0];
  for (let i = 0; i < wanted.data.length; i++) {
    const w = Number(wanted.data[i]);
    error += (Number(found.data[i]) - w) ** 2;
    scale += w ** 2;
  }
  return { error, scale };
}

/** How far a network's outputs are from the original's on some samples: see {@link Divergence.value}. */
export async function divergenceOf(
  original: Graph,
  pruned: Graph,
  blocks: readonly Block[],
  engine: Engine,
): Promise<number> {
  const divergence = new Divergence(original);
  const graphs = await Promise.all([pruned, original].map((graph) => engine.compile(graph, { idle: 'sleep' })));
  try {
    for (const { feeds } of blocks) divergence.add(await graphs[0].run(feeds), await graphs[1].run(feeds));
  } finally {
    for (const graph of graphs) await graph.release();
  }
  return divergence.value;
}

/** Over the last axis. */
function divergences(found: Tensor, wanted: Tensor, kind: Kind): { error: number; scale: number } {
  const classes = wanted.shape.at(-1)!;
  const rows = wanted.data.length / classes;
  let error = 0;
  for (let r = 0; r < rows; r++) {
    const [p, q] = [wanted, found].map(({ data }) =>
      logProbabilities(data as Float32Array, r * classes, classes, kind),
    );
    for (let c = 0; c < classes; c++) error += Math.exp(p[c]) * (p[c] - q[c]);
  }
  return { error, scale: rows };
}

const LEAST_PROBABILITY = 1e-7;

function logProbabilities(data: Float32Array, at: number, classes: number, kind: Kind): Float64Array {
  const row = Float64Array.from(data.subarray(at, at + classes));
  if (kind === 'probabilities') return row.map((p) => Math.log(Math.max(p, LEAST_PROBABILITY)));
  const most = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const sum = row.reduce((total, v) => total + Math.exp(v - most), 0);
  return row.map((v) => v - most - Math.log(sum));
}
