/** What is open, to be closed in the reverse order. */
export class Scope {
  readonly #open: { close(): Promise<void> }[] = [];

  use<R extends { close(): Promise<void> }>(resource: R): R {
    this.#open.push(resource);
    return resource;
  }

  /** Closes all, also when one of them can't be. */
  async close(): Promise<void> {
    const last = this.#open.pop();
    if (!last) return;
    try {
      await last.close();
    } finally {
      await this.close();
    }
  }
}
