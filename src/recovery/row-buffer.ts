/** Memory that rows are written to, block after block. What it gave before is written over. */
export class RowBuffer {
  #data = new Float32Array(0);

  /** So many numbers, which are whatever was there. */
  take(length: number): Float32Array {
    if (this.#data.length < length) this.#data = new Float32Array(length);
    return this.#data.subarray(0, length);
  }
}
