import { setImmediate as turnOfOthers } from 'node:timers/promises';
import type { CompiledGraph, Engine } from '../engine/engine.js';
import { consumers, type Graph, type Node } from '../graph/graph.js';
import { replaceConstants } from '../graph/passes/replace-constants.js';
import { gatherAxis, type Tensor } from '../graph/tensor.js';
import { levelsOf } from './levels.js';
import type { Networks } from './networks.js';
import { stretchOf } from './stretch.js';
import { TensorArena } from './tensor-arena.js';
import type { Pause } from './work.js';

export type Values = ReadonlyMap<string, Tensor>;

/** Some of the samples: every input of the networks, by id. */
export interface Block {
  readonly feeds: Values;
  readonly samples: number;
}

export function samplesOf(blocks: readonly Block[]): number {
  return blocks.reduce((sum, { samples }) => sum + samples, 0);
}

/** Some samples of a block. */
export function partOf({ feeds }: Block, from: number, samples: number): Block {
  const indices = Array.from({ length: samples }, (_, i) => from + i);
  return { feeds: new Map([...feeds].map(([id, tensor]) => [id, gatherAxis(tensor, 0, indices)])), samples };
}

/** What is settled at one place of the pruned network by what both networks have there. */
export interface Step {
  readonly node: Node;
  /** Other nodes that have what it settles: they wait for it, too. */
  readonly also?: readonly Node[];
  /** Values of the pruned network that it looks at; none may depend on the place itself. */
  readonly reads: readonly string[];
  /** Values of the original that it looks at. */
  readonly follows: readonly string[];
  /** Takes in what the networks make of one block. */
  add(block: number, pruned: Values, original: Values): Promise<void>;
  /** About how many multiplications {@link finish} takes, where those are many. */
  readonly work?: number;
  /**
   * The constants of the pruned network that it settles. Called once, when all blocks were added.
   * @param pause called between pieces of long work
   */
  finish(pause?: Pause): Values | Promise<Values>;
}

export interface SequenceOptions {
  readonly engine: Engine;
  readonly signal?: AbortSignal | undefined;
  /** Told the share that is done, block by block. */
  readonly onProgress?: ((share: number) => void) | undefined;
}

/**
 * Goes through the networks from their inputs to their outputs, side by side, and settles the steps on the way: each sees what
 * the pruned network computes once all before it are settled. Of every block only those values are held that something
 * further on reads, so that nothing is computed twice.
 */
export async function settleInSequence(
  { original, pruned }: Networks,
  blocks: readonly Block[],
  steps: readonly Step[],
  { engine, signal, onProgress }: SequenceOptions,
): Promise<Values> {
  const places = steps.flatMap(({ node, also = [], reads }, step) => {
    return [node, ...also].map((at) => ({ step, node: at, after: reads }));
  });
  const levels = levelsOf(pruned, places);
  const levelOf = steps.map(() => 0);
  // Of several nodes those behind others come later; what they read is known at the first.
  places.forEach(({ step }, i) => {
    levelOf[step] = levelOf[step] === 0 ? levels.of[i] : Math.min(levelOf[step], levels.of[i]);
  });
  const last = Math.max(0, ...levelOf);
  const constants = new Map<string, Tensor>();
  const arena = new TensorArena();
  const runs = [new Run(original, blocks, engine, arena), new Run(pruned, blocks, engine, arena)];
  const [theirs, ours] = runs;
  const isRead = steps.some(({ reads }) => reads.length > 0);
  for (let level = 1; level <= last; level++) {
    const now = steps.filter((_, i) => levelOf[i] === level);
    const progress = new LevelProgress(blocks.length, now, (share) => onProgress?.((level - 1 + share) / last));
    const reached = (id: string): number => levels.value(id);
    try {
      if (isRead) {
        await ours.open(
          replaceConstants(pruned, constants),
          (id) => reached(id) < level,
          now.flatMap(({ reads }) => reads),
        );
      }
      await theirs.open(
        original,
        (id) => reached(id) <= level,
        now.flatMap(({ follows }) => follows),
      );
      for (let block = 0; block < blocks.length; block++) {
        signal?.throwIfAborted();
        const found = isRead ? await ours.advance(block) : NOTHING;
        const wanted = await theirs.advance(block);
        for (const step of now) await step.add(block, found, wanted);
        progress.addBlock();
      }
    } finally {
      for (const run of runs) await run.close();
    }
    const pause = async (multiplications: number): Promise<void> => {
      await turnOfOthers();
      signal?.throwIfAborted();
      progress.addWork(multiplications);
    };
    for (const step of now) {
      signal?.throwIfAborted();
      for (const [id, tensor] of await step.finish(pause)) constants.set(id, tensor);
    }
    progress.end();
  }
  return constants;
}

/** Blocks are one half of a level, and what is then computed of them is the other. */
class LevelProgress {
  readonly #blocks: number;
  readonly #work: number;
  readonly #report: (share: number) => void;
  #blocksDone = 0;
  #workDone = 0;

  constructor(blocks: number, steps: readonly Step[], report: (share: number) => void) {
    this.#blocks = blocks;
    this.#work = steps.reduce((sum, { work = 0 }) => sum + work, 0);
    this.#report = report;
  }

  addBlock(): void {
    this.#blocksDone++;
    this.#report(this.#blocksDone / this.#blocks / 2);
  }

  addWork(multiplications: number): void {
    this.#workDone = Math.min(this.#work, this.#workDone + multiplications);
    this.#report((1 + this.#workDone / this.#work) / 2);
  }

  end(): void {
    this.#report(1);
  }
}

const NOTHING: Values = new Map();

/** How far one network has been computed, for every block. */
class Run {
  /** By block, what was computed and is still read. */
  #held: Values[];
  #wanted: readonly string[] = [];
  #frontier: readonly string[] = [];
  #compiled: CompiledGraph | undefined;
  #inputs: readonly string[] = [];
  /** What nobody reads once the next block is asked for: the next run may write over it. */
  #passing: Tensor[] = [];
  /** What the last run of the stretch gave, for the extents of a block like it. */
  #last: { readonly samples: number; readonly results: Values } | undefined;
  readonly #blocks: readonly Block[];
  readonly #engine: Engine;
  readonly #arena: TensorArena;

  constructor(graph: Graph, blocks: readonly Block[], engine: Engine, arena: TensorArena) {
    this.#held = blocks.map(({ feeds }) => new Map(graph.inputs.map((id) => [id, feeds.get(id)!])));
    this.#blocks = blocks;
    this.#engine = engine;
    this.#arena = arena;
  }

  /**
   * Makes ready to go on.
   * @param isReached whether a value can be computed now
   * @param wanted values that are looked at
   */
  async open(graph: Graph, isReached: (id: string) => boolean, wanted: readonly string[]): Promise<void> {
    const isComputed = (id: string): boolean => id !== '' && !graph.constants.has(id) && isReached(id);
    const readers = consumers(graph);
    const readLater = (id: string): boolean =>
      (readers.get(id) ?? []).some((node) => node.outputs.some((out) => !isReached(out)));
    const values = [...graph.inputs, ...graph.nodes.flatMap((node) => node.outputs)].filter(isComputed);
    this.#wanted = [...new Set(wanted)];
    this.#frontier = values.filter(readLater);
    await this.#compile(graph, [...new Set([...this.#wanted, ...this.#frontier])]);
  }

  /** Goes on with one block, and gives the values that are wanted: they are good until the next block. */
  async advance(block: number): Promise<Values> {
    for (const tensor of this.#passing.splice(0)) this.#arena.give(tensor);
    const before = this.#held[block];
    const computed = await this.#run(block);
    const find = (id: string): [string, Tensor] => [id, computed.get(id) ?? before.get(id)!];
    const held = new Map(this.#frontier.map(find));
    this.#held[block] = held;
    this.#passing = this.#notHeld([...before.values(), ...computed.values()], block);
    return new Map(this.#wanted.map(find));
  }

  async close(): Promise<void> {
    await this.#compiled?.release();
    this.#compiled = undefined;
    this.#last = undefined;
    for (const tensor of this.#passing.splice(0)) this.#arena.give(tensor);
  }

  /** Several values may share memory, as those that an op passes through do. */
  #notHeld(tensors: readonly Tensor[], block: number): Tensor[] {
    const seen = new Set(
      [...this.#held[block].values(), ...this.#blocks[block].feeds.values()].map(({ data }) => data),
    );
    return tensors.filter(({ data }) => {
      if (seen.has(data)) return false;
      seen.add(data);
      return true;
    });
  }

  async #compile(graph: Graph, wanted: readonly string[]): Promise<void> {
    const held = new Set(this.#held[0].keys());
    const missing = wanted.filter((id) => !held.has(id));
    this.#compiled = undefined;
    if (missing.length === 0) return;
    const stretch = stretchOf(graph, held, missing);
    this.#inputs = stretch.inputs;
    this.#compiled = await this.#engine.compile(stretch, { idle: 'sleep' });
  }

  async #run(block: number): Promise<Values> {
    if (!this.#compiled) return new Map();
    const { samples } = this.#blocks[block];
    const alike = this.#last?.samples === samples ? this.#last.results : NOTHING;
    const spent = new Map([...alike].map(([name, result]) => [name, this.#arena.like(result)]));
    const feeds = new Map(this.#inputs.map((id) => [id, this.#held[block].get(id)!]));
    const results = await this.#compiled.run(feeds, spent);
    // What an engine didn't write to is free again.
    const written = new Set([...results.values()].map(({ data }) => data));
    for (const tensor of spent.values()) if (!written.has(tensor.data)) this.#arena.give(tensor);
    this.#last = { samples, results };
    return results;
  }
}
