/** Networks and samples for tests of recovery. */
import type { Engine } from '../../src/engine/index.js';
import type { Graph } from '../../src/graph/graph.js';
import { fromRef, type Tensor } from '../../src/graph/tensor.js';
import type { ChannelMutator } from '../../src/pruning/index.js';
import { divergence, outputsOf } from '../../src/recovery/divergence.js';
import type { Block } from '../../src/recovery/index.js';
import type { Networks } from '../../src/recovery/networks.js';
import { randomFeeds } from './graph-sketch.js';

/** Random samples in blocks. */
export function blocksOf(graph: Graph, seed: number, count: number, samples: number): Block[] {
  return Array.from({ length: count }, (_, i) => {
    const feeds = [...randomFeeds(graph, seed + i, samples)].map(([id, t]) => [id, fromRef(t)] as [string, Tensor]);
    return { feeds: new Map(feeds), samples };
  });
}

/** A mutator's graph and what its choices leave of it. */
export function networksOf(mutator: ChannelMutator): Networks {
  const selection = mutator.selection();
  return {
    original: mutator.analysis.graph,
    pruned: mutator.exportSubnet().graph,
    kept: (value, axis) => selection.kept(value, axis),
  };
}

/** How far a network's outputs are from the original's on some samples. */
export async function divergenceOf(
  original: Graph,
  pruned: Graph,
  blocks: readonly Block[],
  engine: Engine,
): Promise<number> {
  return divergence(original, await outputsOf(pruned, blocks, engine), await outputsOf(original, blocks, engine));
}
