import type { JobListener, JobSpec } from '../../contract.js';
import { shuffledOrder } from '../../data/index.js';
import type { Graph } from '../../graph/graph.js';
import { peakMemory } from '../../graph/peak-memory.js';
import type { Block } from '../../recovery/index.js';
import type { JobData } from './job-data.js';

/** A block is held in memory as both networks compute it. */
const BLOCK_SAMPLES = 32;
/** Blocks that there are at least, since some are fitted to and some judged by. */
const LEAST_BLOCKS = 4;
/** What activations of all samples may take, where nothing says how much there is. */
const DEFAULT_BYTES = 2 ** 30;
/** Of the memory that a job may hold. */
const MEMORY_SHARE = 0.3;

export interface Calibrated {
  readonly data: JobData;
  readonly graph: Graph;
  /** What is computed beside it. */
  readonly subnet?: Graph;
  readonly fixedBatch: number | undefined;
}

/**
 * Samples that channels are chosen by and weights are set by: of the training part, drawn by the seed, without labels; at most
 * `recovery.samples`, and no more than fit into the memory. In blocks of one size (the last may be smaller, unless the model takes no
 * other size).
 */
export function calibrationBlocks(
  { config: { recovery, seed }, memoryBytes }: JobSpec,
  { data, graph, subnet, fixedBatch }: Calibrated,
  listener: Pick<JobListener, 'log'>,
): Block[] {
  const { train, scaling } = data;
  const wanted = Math.min(recovery.samples, train.count);
  const count = Math.min(wanted, affordableSamples(subnet ? [graph, subnet] : [graph], memoryBytes));
  if (count < wanted)
    listener.log(`of ${wanted} samples to calibrate by ${count} are taken: more would not fit into the memory`);
  const order = shuffledOrder(train.count, seed, 0);
  const size = fixedBatch ?? Math.max(1, Math.min(BLOCK_SAMPLES, Math.ceil(count / LEAST_BLOCKS)));
  const number = fixedBatch ? Math.max(1, Math.floor(count / size)) : Math.ceil(count / size);
  return Array.from({ length: number }, (_, block) => {
    const samples = fixedBatch ?? Math.min(size, count - block * size);
    const indices = Uint32Array.from({ length: samples }, (_, i) => order[(block * size + i) % train.count]);
    return { feeds: new Map([[graph.inputs[0], train.batch(indices, scaling).x]]), samples };
  });
}

/** How many samples' activations fit: of each, what the networks hold at most. */
function affordableSamples(graphs: readonly Graph[], memoryBytes: number | undefined): number {
  const budget = memoryBytes === undefined ? DEFAULT_BYTES : memoryBytes * MEMORY_SHARE;
  const each = graphs.reduce((sum, graph) => sum + sampleBytes(graph), 0);
  return Math.max(LEAST_BLOCKS, Math.floor(budget / each));
}

/** What one more sample takes, at the most of its activations. */
function sampleBytes(graph: Graph): number {
  const symbols = [...graph.values.values()].flatMap(({ shape }) => shape.filter((d) => typeof d === 'string'));
  const extents = (batch: number) => Object.fromEntries(symbols.map((name) => [name, batch]));
  return Math.max(1, peakMemory(graph, extents(2)) - peakMemory(graph, extents(1)));
}
