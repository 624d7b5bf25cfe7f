import type { Engine } from '../engine/engine.js';
import { type Graph, getSpec } from '../graph/graph.js';
import { outputsOf } from './divergence.js';
import type { Block, Values } from './sequence.js';
import { stretchOf } from './stretch.js';

/**
 * Runs variants of a network that differ from it from some layers on: what comes before those is computed once, and kept for the next
 * variant as long as that starts at the same place.
 */
export class Tails {
  readonly #original: Graph;
  readonly #blocks: readonly Block[];
  readonly #engine: Engine;
  #outputs: readonly Values[] | undefined;
  #start = '';
  #held: readonly Block[] = [];

  constructor(original: Graph, blocks: readonly Block[], engine: Engine) {
    this.#original = original;
    this.#blocks = blocks;
    this.#engine = engine;
  }

  /** What the network itself gives, by block. */
  async original(): Promise<readonly Values[]> {
    this.#outputs ??= await outputsOf(this.#original, this.#blocks, this.#engine);
    return this.#outputs;
  }

  /** @param variant of the same nodes and value ids; its constants differ, and shapes behind those */
  async outputsOf(variant: Graph): Promise<readonly Values[]> {
    const wanted = await this.original();
    const { changed, starts } = this.#differences(variant);
    const outputs = variant.outputs.filter(({ value }) => changed.has(value));
    if (outputs.length === 0) return wanted;
    await this.#holdAt(starts);
    const values = [...new Set(outputs.map(({ value }) => value))];
    const found = await outputsOf(stretchOf(variant, new Set(starts), values), this.#held, this.#engine);
    return found.map((own, block) => {
      return new Map(variant.outputs.map(({ name, value }) => [name, own.get(value) ?? wanted[block].get(name)!]));
    });
  }

  /** Values that are other than the network's own, and what they are computed from that isn't. */
  #differences(variant: Graph): { readonly changed: ReadonlySet<string>; readonly starts: readonly string[] } {
    const changed = new Set<string>();
    const starts = new Set<string>();
    for (const [id, { tensor }] of variant.constants) {
      if (tensor !== this.#original.constants.get(id)!.tensor) changed.add(id);
    }
    for (const node of variant.nodes) {
      const isOther = node.outputs.some(
        (id) => String(getSpec(variant, id).shape) !== String(getSpec(this.#original, id).shape),
      );
      if (!isOther && !node.inputs.some((id) => changed.has(id))) continue;
      for (const id of node.outputs) changed.add(id);
      for (const id of node.inputs) if (id !== '' && !changed.has(id) && !variant.constants.has(id)) starts.add(id);
    }
    return { changed, starts: [...starts] };
  }

  async #holdAt(starts: readonly string[]): Promise<void> {
    const key = starts.join('\n');
    if (key === this.#start) return;
    const given = new Set(this.#original.inputs);
    const computed = starts.filter((id) => !given.has(id));
    const found =
      computed.length === 0
        ? []
        : await outputsOf(stretchOf(this.#original, given, computed), this.#blocks, this.#engine);
    this.#held = this.#blocks.map(({ feeds, samples }, i) => {
      return { feeds: new Map(starts.map((id) => [id, found[i]?.get(id) ?? feeds.get(id)!])), samples };
    });
    this.#start = key;
  }
}
