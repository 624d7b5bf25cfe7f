import type { Engine } from '../engine/engine.js';
import { type Graph, getSpec, producers } from '../graph/graph.js';
import { findOp } from '../graph/ops/index.js';
import type { Tensor } from '../graph/tensor.js';
import type { Block, Values } from './sequence.js';

/** How an output is compared. */
type Kind = 'probabilities' | 'logits' | 'values';

/** Whether {@link divergence} tells networks apart: whole numbers, of classes say, are not compared. */
export function isComparable(graph: Graph): boolean {
  return graph.outputs.some(({ value }) => isCompared(graph, value));
}

function isCompared(graph: Graph, value: string): boolean {
  return getSpec(graph, value).dtype === 'float32';
}

/**
 * What a network gives for each block, by output name.
 * @param onBlock told the share that is done after each block; what it throws ends it
 */
export async function outputsOf(
  graph: Graph,
  blocks: readonly Block[],
  engine: Engine,
  onBlock?: (share: number) => void,
): Promise<Values[]> {
  const compiled = await engine.compile(graph, { idle: 'sleep' });
  const outputs: Values[] = [];
  try {
    for (const { feeds } of blocks) {
      outputs.push(await compiled.run(feeds));
      onBlock?.(outputs.length / blocks.length);
    }
  } finally {
    await compiled.release();
  }
  return outputs;
}

/**
 * How far outputs are from the original's, a mean over the outputs: of the Kullback-Leibler divergence KL(original ‖ found) a sample
 * where they are of classes, else of the squared error as a share of the squared values.
 * @param graph the original
 * @param found by block, as `wanted`
 */
export function divergence(graph: Graph, found: readonly Values[], wanted: readonly Values[]): number {
  const each = graph.outputs.flatMap(({ name, value }) => {
    if (!isCompared(graph, value)) return [];
    const kind = kindOf(graph, value);
    const parts = wanted.map((outputs, block) => errorOf(found[block].get(name)!, outputs.get(name)!, kind));
    const [error, scale] = [parts.reduce((n, part) => n + part.error, 0), parts.reduce((n, part) => n + part.scale, 0)];
    return [scale > 0 ? error / scale : error];
  });
  const mean = each.reduce((a, b) => a + b, 0) / Math.max(1, each.length);
  return Number.isNaN(mean) ? Number.POSITIVE_INFINITY : mean;
}

function errorOf(found: Tensor, wanted: Tensor, kind: Kind): { error: number; scale: number } {
  return kind === 'values' ? squares(found, wanted) : divergences(found, wanted, kind);
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
