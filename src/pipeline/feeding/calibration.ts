import { shuffledOrder } from '../../data/index.js';
import type { Engine } from '../../engine/index.js';
import { graphCost } from '../../graph/cost.js';
import type { Graph } from '../../graph/graph.js';
import { peakMemory } from '../../graph/peak-memory.js';
import { type Block, partOf, synthesizeSamples } from '../../recovery/index.js';
import type { Job } from '../stages/stage.js';
import type { JobData } from './job-data.js';
import { noiseIn } from './neighbour-correlation.js';

/** Where there are no data. */
const MADE_SAMPLES = 64;
const MADE_STEPS = 80;
/** A step moves a sample by a gradient: about so many times the multiply-adds of a run. */
const MACS_OF_STEP = 3;
/** What samples may cost that nobody asked for: 64 of a ResNet-20 at 32 pixels take 6e11 multiply-adds. */
const SYNTHESIS = { wantedMacs: 7e11, mostMacs: 6e12, fewestSamples: 16, fewestSteps: 30 } as const;
/** A block is held in memory as both networks compute it. */
const BLOCK_SAMPLES = 32;
/** Blocks that there are at least, since some are fitted to and some judged by. */
const LEAST_BLOCKS = 4;
/** What activations of all samples may take, where nothing says how much there is. */
const DEFAULT_BYTES = 2 ** 30;
/** Of the memory that a job may hold. */
const MEMORY_SHARE = 0.3;

/** What samples are for. */
export interface Calibrated {
  readonly data: JobData | undefined;
  readonly graph: Graph;
  readonly engine: Engine;
  readonly fixedBatch: number | undefined;
}

interface Wanted {
  readonly beside?: Graph;
  readonly most?: number;
}

/**
 * Samples that channels are chosen by and weights are set by: of the training part, drawn by the seed, without labels; at most
 * `recovery.samples`, and no more than fit into the memory. Without data they are made of what the model's batch norms hold.
 */
export class Calibration {
  readonly #job: Pick<Job, 'spec' | 'listener' | 'signal'>;
  readonly #subject: Calibrated;
  #made: readonly Block[] | undefined;
  #isNoise: boolean | undefined;

  constructor(job: Pick<Job, 'spec' | 'listener' | 'signal'>, subject: Calibrated) {
    this.#job = job;
    this.#subject = subject;
  }

  /**
   * In blocks of one size (the last may be smaller, unless the model takes no other size).
   * @param options.beside what is computed on the samples, beside the model
   * @param options.most samples that are wanted
   * @returns none where there are no data, and nothing can be made
   */
  async blocks(options: Wanted = {}): Promise<readonly Block[]> {
    const { data } = this.#subject;
    if (data && !this.#isNoise) {
      const drawn = await this.#drawn(data, options);
      this.#isNoise ??= this.#findNoise(drawn);
      if (!this.#isNoise) return drawn;
    }
    this.#made ??= await this.#make();
    return this.#made;
  }

  /**
   * Whether the samples are left aside as noise: a network that is fitted to such is ruined for what it is meant for, and nothing that is
   * measured on them would tell.
   */
  #findNoise([{ feeds }]: readonly Block[]): boolean {
    const { graph } = this.#subject;
    const { method } = this.#job.spec.config.recovery;
    const found = noiseIn(graph, feeds);
    if (!found) return false;
    const isLeftAside = method === 'auto' || method === 'none';
    const message = `neighbouring values of the samples hang together no more than noise does (correlation ${found.map((c) => c.toFixed(3)).join(', ')}); ${isLeftAside ? 'channels are not chosen by them, nor weights set' : 'weights that are set by noise suit nothing else'}: send samples of what the model is for`;
    this.#job.listener.warning({ code: 'SAMPLES_ARE_NOISE', message });
    return isLeftAside;
  }

  async #drawn({ train, scaling }: JobData, { beside, most = Number.POSITIVE_INFINITY }: Wanted): Promise<Block[]> {
    const { spec, listener } = this.#job;
    const { graph, fixedBatch } = this.#subject;
    const { recovery, seed } = spec.config;
    const wanted = Math.min(recovery.samples, train.count, most);
    const count = Math.min(wanted, affordableSamples(beside ? [graph, beside] : [graph], spec.memoryBytes));
    if (count < wanted) {
      listener.log(`of ${wanted} samples to calibrate by ${count} are taken: more would not fit into the memory`);
    }
    const order = shuffledOrder(train.count, seed, 0);
    const size = fixedBatch ?? blockSize(count);
    const number = fixedBatch ? Math.max(1, Math.floor(count / size)) : Math.ceil(count / size);
    const blocks: Block[] = [];
    for (let block = 0; block < number; block++) {
      const samples = fixedBatch ?? Math.min(size, count - block * size);
      const indices = Uint32Array.from({ length: samples }, (_, i) => order[(block * size + i) % train.count]);
      blocks.push({ feeds: new Map([[graph.inputs[0], (await train.batch(indices, scaling)).x]]), samples });
    }
    return blocks;
  }

  async #make(): Promise<readonly Block[]> {
    const { spec, listener, signal } = this.#job;
    const { graph, engine, fixedBatch } = this.#subject;
    const { recovery, seed } = spec.config;
    const isAsked = recovery.method !== 'auto';
    if (recovery.method === 'none') return [];
    const most = Math.min(MADE_SAMPLES, recovery.samples);
    const { count, steps } = isAsked ? { count: most, steps: MADE_STEPS } : affordableSynthesis(graph, most);
    const limitBytes = budgetOf(spec.memoryBytes);
    const made =
      count === 0
        ? { reason: 'making them would take long for a network of this size; `recovery.method` asks for it' }
        : await synthesizeSamples({ graph, engine, count, steps, seed, signal, limitBytes });
    if ('reason' in made) {
      const message = `there are no samples to go by, and none are made of the model: ${made.reason}`;
      if (isAsked) listener.warning({ code: 'NOT_RECOVERED', message });
      else listener.log(message);
      return [];
    }
    listener.log(`samples are made of what the model's batch norms hold: ${count}`);
    return fixedBatch ? made.blocks : made.blocks.flatMap((block) => partsOf(block, blockSize(count)));
  }
}

/** Fewer samples and steps for larger networks; none where even those would take too long. */
function affordableSynthesis(graph: Graph, most: number): { readonly count: number; readonly steps: number } {
  const { wantedMacs, mostMacs, fewestSamples, fewestSteps } = SYNTHESIS;
  const each = graphCost(graph).macs * MACS_OF_STEP;
  const fewest = Math.min(most, fewestSamples);
  if (each * fewest * fewestSteps > mostMacs) return { count: 0, steps: 0 };
  const steps = Math.max(fewestSteps, Math.min(MADE_STEPS, Math.floor(wantedMacs / (each * fewest))));
  return { count: Math.max(fewest, Math.min(most, Math.floor(wantedMacs / (each * steps)))), steps };
}

function blockSize(count: number): number {
  return Math.max(1, Math.min(BLOCK_SAMPLES, Math.ceil(count / LEAST_BLOCKS)));
}

/** A block in blocks of at most this size. */
function partsOf(block: Block, size: number): Block[] {
  return Array.from({ length: Math.ceil(block.samples / size) }, (_, part) => {
    return partOf(block, part * size, Math.min(size, block.samples - part * size));
  });
}

/** How many samples' activations fit: of each, what the networks hold at most. */
function affordableSamples(graphs: readonly Graph[], memoryBytes: number | undefined): number {
  const each = graphs.reduce((sum, graph) => sum + sampleBytes(graph), 0);
  return Math.max(LEAST_BLOCKS, Math.floor(budgetOf(memoryBytes) / each));
}

function budgetOf(memoryBytes: number | undefined): number {
  return memoryBytes === undefined ? DEFAULT_BYTES : memoryBytes * MEMORY_SHARE;
}

/** What one more sample takes, at the most of its activations. Extents that only the run knows count as the batch. */
function sampleBytes(graph: Graph): number {
  const symbols = [...graph.values.values()].flatMap(({ shape }) => shape.filter((d) => typeof d === 'string'));
  const extents = (batch: number) => Object.fromEntries(symbols.map((name) => [name, batch]));
  return Math.max(1, peakMemory(graph, extents(2)) - peakMemory(graph, extents(1)));
}
