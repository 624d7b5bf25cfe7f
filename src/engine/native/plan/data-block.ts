const ALIGNMENT = 64;

export const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Pieces of data laid out one after the other, each from a cache line on. */
export class DataBlock {
  readonly #pieces: { data: Uint8Array; at: number }[] = [];
  #bytes = 0;

  /** @returns bytes from the start of the block */
  add(data: Uint8Array): number {
    const at = this.#bytes;
    this.#pieces.push({ data, at });
    this.#bytes += aligned(Math.max(data.length, 1));
    return at;
  }

  get bytes(): number {
    return this.#bytes;
  }

  join(): Uint8Array {
    const all = new Uint8Array(this.#bytes);
    for (const { data, at } of this.#pieces) all.set(data, at);
    return all;
  }
}
