import type { Reason } from '../../graph/channels.js';

/**
 * A union-find over channel ids, with what is known of each class: the first reason why it is frozen, and whether an
 * op renormalises over it. Ids are dense, so the forest is a few typed arrays.
 */
export class ChannelClasses {
  #parent = new Int32Array(1024);
  #size = new Int32Array(1024);
  /** 1 + index into #reasons; 0 while the class is free. A lower index is an earlier reason. */
  #frozen = new Int32Array(1024);
  #renormalised = new Uint8Array(1024);
  #count = 0;
  readonly #reasons: Reason[] = [];

  get count(): number {
    return this.#count;
  }

  /** New ids, each a class of its own. */
  fresh(count: number): Int32Array {
    this.#reserve(this.#count + count);
    const ids = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const id = this.#count++;
      this.#parent[id] = id;
      this.#size[id] = 1;
      ids[i] = id;
    }
    return ids;
  }

  /** The representative of an id's class, halving the path to it. */
  find(id: number): number {
    const parent = this.#parent;
    let at = id;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]];
      at = parent[at];
    }
    return at;
  }

  union(a: number, b: number): void {
    let root = this.find(a);
    let child = this.find(b);
    if (root === child) return;
    if (this.#size[root] < this.#size[child]) [root, child] = [child, root];
    this.#parent[child] = root;
    this.#size[root] += this.#size[child];
    this.#frozen[root] = earlier(this.#frozen[root], this.#frozen[child]);
    this.#renormalised[root] |= this.#renormalised[child];
  }

  /** Freezes the classes of these ids; those frozen before keep their first reason. */
  freeze(ids: Int32Array, reason: Reason): void {
    const index = this.#reasons.push(reason);
    for (let i = 0; i < ids.length; i++) {
      const root = this.find(ids[i]);
      this.#frozen[root] = earlier(this.#frozen[root], index);
    }
  }

  renormalise(ids: Int32Array): void {
    for (let i = 0; i < ids.length; i++) this.#renormalised[this.find(ids[i])] = 1;
  }

  frozenReason(id: number): Reason | undefined {
    const index = this.#frozen[this.find(id)];
    return index === 0 ? undefined : this.#reasons[index - 1];
  }

  isFrozen(id: number): boolean {
    return this.#frozen[this.find(id)] !== 0;
  }

  isRenormalised(id: number): boolean {
    return this.#renormalised[this.find(id)] === 1;
  }

  #reserve(length: number): void {
    let capacity = this.#parent.length;
    if (length <= capacity) return;
    while (capacity < length) capacity *= 2;
    this.#parent = copied(this.#parent, new Int32Array(capacity));
    this.#size = copied(this.#size, new Int32Array(capacity));
    this.#frozen = copied(this.#frozen, new Int32Array(capacity));
    this.#renormalised = copied(this.#renormalised, new Uint8Array(capacity));
  }
}

function copied<T extends Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** Of two reason numbers the earlier one, where 0 means none. */
function earlier(a: number, b: number): number {
  if (a === 0 || b === 0) return a + b;
  return Math.min(a, b);
}
