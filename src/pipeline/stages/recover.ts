import type { Split } from '../../data/index.js';
import { shuffledOrder } from '../../data/index.js';
import type { Graph } from '../../graph/graph.js';
import { peakMemory } from '../../graph/peak-memory.js';
import type { Tensor } from '../../graph/tensor.js';
import type { PruneConfig } from '../../prune-config/index.js';
import type { ChannelMutator } from '../../pruning/index.js';
import { type Block, type NamedRecipe, RECIPES, recover } from '../../recovery/index.js';
import type { RecoveryRow } from '../../report/unit-report.js';
import type { Measured } from './baseline.js';
import type { Job } from './stage.js';

/** A block is held in memory as both networks compute it. */
const BLOCK_SAMPLES = 32;
/** Blocks that there are at least, since some are fitted to and some judged by. */
const LEAST_BLOCKS = 4;
/** What activations of all samples may take, where nothing says how much there is. */
const DEFAULT_BYTES = 2 ** 30;
/** Of the memory that a job may hold. */
const MEMORY_SHARE = 0.3;
/** From so many samples on, fitting to what the pruned network really computes is the better way (RECOVERY.md 8.2). */
const MANY_SAMPLES = 500;

const METHODS: Readonly<Record<PruneConfig['recovery']['method'], (samples: number) => readonly NamedRecipe[]>> = {
  auto: leastSquares,
  least_squares: leastSquares,
  statistics: () => [RECIPES.none, RECIPES.statistics],
  none: () => [],
};

function leastSquares(samples: number): readonly NamedRecipe[] {
  const { none, statistics, least_squares, least_squares_on_original } = RECIPES;
  const few = samples < MANY_SAMPLES ? [least_squares_on_original] : [];
  return [none, statistics, least_squares, ...few];
}

export interface RecoveredWeights {
  /** Full weights, by constant id: those that changed. */
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly row: RecoveryRow;
}

/**
 * Sets the weights of what the mutator's choices leave by samples of the data set, without labels (see `src/recovery`).
 * @returns undefined where there is nothing to recover by, or nothing was asked for
 */
export async function recoverSubnet(
  { spec, signal, listener, progress }: Job,
  { data, graph, engine, fixedBatch }: Pick<Measured, 'data' | 'graph' | 'engine' | 'fixedBatch'>,
  mutator: ChannelMutator,
): Promise<RecoveredWeights | undefined> {
  const { recovery, seed } = spec.config;
  if (!data || recovery.method === 'none') return undefined;
  progress.begin('recovering');
  const subnet = mutator.exportSubnet();
  const selection = mutator.selection();
  const networks = { original: graph, pruned: subnet.graph, kept: selection.kept.bind(selection) };
  const most = affordableSamples([graph, subnet.graph], spec.memoryBytes);
  const wanted = Math.min(recovery.samples, data.train.count);
  const count = Math.min(wanted, most);
  if (count < wanted) listener.log(`recovery takes ${count} of ${wanted} samples: more would not fit into the memory`);
  const blocks = blocksOf(graph.inputs[0], data.train, data.scaling, { count, seed, fixedBatch });
  const samples = blocks.reduce((n, block) => n + block.samples, 0);
  const recipes = METHODS[recovery.method](samples);
  const { recipe, constants, divergences } = await recover(networks, blocks, {
    engine,
    recipes,
    signal,
    onProgress: (share) => progress.within('recovering', share),
  });
  listener.log(`recovered by ${recipe} from ${samples} samples`, { divergences });
  progress.end('recovering');
  const changed = new Map([...constants.keys()].map((id) => [id, mutator.weights.get(id)!]));
  return { weights: subnet.writeBack(changed, constants), row: { method: recipe, samples, divergences } };
}

/** How many samples' activations fit: of each, what both networks hold at most. */
function affordableSamples(graphs: readonly Graph[], memoryBytes: number | undefined): number {
  const budget = memoryBytes === undefined ? DEFAULT_BYTES : memoryBytes * MEMORY_SHARE;
  const each = graphs.reduce((sum, graph) => sum + sampleBytes(graph), 0);
  return Math.max(LEAST_BLOCKS, Math.floor(budget / each));
}

/** What one more sample takes, at the most of its activations. */
function sampleBytes(graph: Graph): number {
  const symbols = [...graph.values.values()].flatMap(({ shape }) => shape.filter((d) => typeof d === 'string'));
  const extents = (batch: number) => Object.fromEntries(symbols.map((name) => [name, batch]));
  const grown = peakMemory(graph, extents(2)) - peakMemory(graph, extents(1));
  return Math.max(1, grown);
}

/** Samples drawn by the seed, in blocks of one size (the last may be smaller, unless the model takes no other size). */
function blocksOf(
  input: string,
  split: Split,
  scaling: PruneConfig['scaling'],
  { count, seed, fixedBatch }: { count: number; seed: number; fixedBatch: number | undefined },
): Block[] {
  const order = shuffledOrder(split.count, seed, 0);
  const size = fixedBatch ?? Math.max(1, Math.min(BLOCK_SAMPLES, Math.ceil(count / LEAST_BLOCKS)));
  const number = fixedBatch ? Math.max(1, Math.floor(count / size)) : Math.ceil(count / size);
  return Array.from({ length: number }, (_, block) => {
    const samples = fixedBatch ?? Math.min(size, count - block * size);
    const indices = Uint32Array.from({ length: samples }, (_, i) => order[(block * size + i) % split.count]);
    return { feeds: new Map([[input, split.batch(indices, scaling).x]]), samples };
  });
}
