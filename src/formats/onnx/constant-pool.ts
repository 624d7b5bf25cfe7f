import type { GraphBuilder } from '../../graph/builder.js';
import type { ConstantRole } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Known } from './known.js';

/** One place in the file where a constant is read. */
export interface ConstantUse {
  /** Index of the node in the file. */
  readonly node: number;
  readonly input: number;
}

/** A constant of the graph, and what it is in the file. */
export interface PooledConstant {
  readonly id: string;
  /** The file's name of the value that it was read from. */
  readonly name: string;
  /** What the file holds, to tell a constant that did not change. */
  readonly tensor: Tensor;
  readonly uses: ConstantUse[];
}

/**
 * The constants of the graph. One value of the file becomes several of them where layers that have nothing else to do with
 * each other read it, as exporters leave out equal tensors: each layer then has its own, and they are sliced and trained
 * apart. A layer that is called twice has its weights once.
 */
export class ConstantPool {
  readonly #builder: GraphBuilder;
  readonly #bySharers = new Map<string, PooledConstant>();

  constructor(builder: GraphBuilder) {
    this.#builder = builder;
  }

  get all(): readonly PooledConstant[] {
    return [...this.#bySharers.values()];
  }

  /** @param sharers what is the same for all those who share the constant: the layer's weights */
  get(name: string, known: Known, sharers: string, role: ConstantRole, use: ConstantUse): string {
    const key = `${name}\n${sharers}`;
    const found = this.#bySharers.get(key);
    if (found) {
      found.uses.push(use);
      return found.id;
    }
    const { tensor } = known;
    const id = this.#builder.constant(name, tensor, role, name);
    this.#bySharers.set(key, { id, name, tensor, uses: [use] });
    return id;
  }
}
