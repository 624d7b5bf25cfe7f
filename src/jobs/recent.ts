/** What was asked for last, as much as there is room for; each is read once, however many ask for it at once. */
export class Recent<T extends object> {
  readonly #most: number;
  readonly #lengthOf: (value: T) => number;
  /** The one that was asked for last stands last. */
  readonly #kept = new Map<string, { readonly value: T; readonly length: number }>();
  readonly #reads = new Map<string, Promise<T | undefined>>();
  #length = 0;

  /** @param most of all together; a longer one is not kept */
  constructor(most: number, lengthOf: (value: T) => number) {
    this.#most = most;
    this.#lengthOf = lengthOf;
  }

  find(key: string): T | undefined {
    const found = this.#kept.get(key);
    if (found === undefined) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, found);
    return found.value;
  }

  async read(key: string, read: () => Promise<T | undefined>): Promise<T | undefined> {
    const known = this.find(key) ?? this.#reads.get(key);
    if (known !== undefined) return known;
    const reading = read();
    this.#reads.set(key, reading);
    try {
      const value = await reading;
      if (value !== undefined && this.#reads.get(key) === reading) this.keep(key, value);
      return value;
    } finally {
      if (this.#reads.get(key) === reading) this.#reads.delete(key);
    }
  }

  keep(key: string, value: T): void {
    this.drop(key);
    const length = this.#lengthOf(value);
    this.#kept.set(key, { value, length });
    this.#length += length;
    for (const oldest of this.#kept.keys()) {
      if (this.#length <= this.#most) return;
      this.drop(oldest);
    }
  }

  /** What is being read of it just now is not kept either, and whoever comes reads anew. */
  drop(key: string): void {
    this.#reads.delete(key);
    this.#length -= this.#kept.get(key)?.length ?? 0;
    this.#kept.delete(key);
  }
}
