import type { CompiledGraph, Engine } from '../engine/engine.js';
import { consumers, type Graph, type Node } from '../graph/graph.js';
import { replaceConstants } from '../graph/passes/replace-constants.js';
import type { Tensor } from '../graph/tensor.js';
import { levelsOf } from './levels.js';
import type { Networks } from './networks.js';
import { stretchOf } from './stretch.js';

export type Values = ReadonlyMap<string, Tensor>;

/** Some of the samples: every input of the networks, by id. */
export interface Block {
  readonly feeds: Values;
  readonly samples: number;
}

/** What is settled at one place of the pruned network by what both networks have there. */
export interface Step {
  readonly node: Node;
  /** Values of the pruned network that it looks at; none may depend on the place itself. */
  readonly reads: readonly string[];
  /** Values of the original that it looks at. */
  readonly follows: readonly string[];
  /** Takes in what the networks make of one block. */
  add(block: number, pruned: Values, original: Values): Promise<void>;
  /** The constants of the pruned network that it settles. Called once, when all blocks were added. */
  finish(): Values;
}

export interface SequenceOptions {
  readonly engine: Engine;
  readonly signal?: AbortSignal | undefined;
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
  { engine, signal }: SequenceOptions,
): Promise<Values> {
  const levels = levelsOf(
    pruned,
    steps.map(({ node, reads }) => ({ node, after: reads })),
  );
  const last = Math.max(0, ...levels.of);
  const constants = new Map<string, Tensor>();
  const runs = [new Run(original, blocks, engine), new Run(pruned, blocks, engine)];
  const [theirs, ours] = runs;
  const isRead = steps.some(({ reads }) => reads.length > 0);
  for (let level = 1; level <= last; level++) {
    const now = steps.filter((_, i) => levels.of[i] === level);
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
      }
    } finally {
      for (const run of runs) await run.close();
    }
    for (const step of now) for (const [id, tensor] of step.finish()) constants.set(id, tensor);
  }
  return constants;
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
  readonly #engine: Engine;

  constructor(graph: Graph, blocks: readonly Block[], engine: Engine) {
    this.#held = blocks.map(({ feeds }) => new Map(graph.inputs.map((id) => [id, feeds.get(id)!])));
    this.#engine = engine;
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

  /** Goes on with one block, and gives the values that are wanted. */
  async advance(block: number): Promise<Values> {
    const held = this.#held[block];
    const computed = await this.#run(held);
    const find = (id: string): [string, Tensor] => [id, computed.get(id) ?? held.get(id)!];
    this.#held[block] = new Map(this.#frontier.map(find));
    return new Map(this.#wanted.map(find));
  }

  async close(): Promise<void> {
    await this.#compiled?.release();
    this.#compiled = undefined;
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

  async #run(held: Values): Promise<Values> {
    if (!this.#compiled) return new Map();
    return this.#compiled.run(new Map(this.#inputs.map((id) => [id, held.get(id)!])));
  }
}
