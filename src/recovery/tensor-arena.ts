import { allocate, DTYPE_BYTES, elementCount, type Tensor } from '../graph/tensor.js';

/** A stretch of free bytes, `[from, to)`. */
interface Gap {
  from: number;
  to: number;
}

/** Memory that tensors lie in side by side. */
interface Slab {
  readonly buffer: ArrayBuffer;
  /** In order, no two of them adjacent. */
  readonly gaps: Gap[];
}

const SLAB_BYTES = 2 ** 25;
const ALIGNMENT = 64;

/**
 * Memory for many large tensors that live for a while: in slabs, since the collector looks through the whole heap for each few dozen
 * megabytes of buffers that are made. A slab that is empty goes as soon as there is another empty one.
 */
export class TensorArena {
  #slabs: Slab[] = [];

  /** A tensor of the type and shape of another; its numbers are whatever was there. Only float32 ones lie in slabs. */
  like({ dtype, shape }: Tensor): Tensor {
    const length = elementCount(shape);
    if (dtype !== 'float32' || length === 0) return { dtype, shape, data: allocate(dtype, length) } as Tensor;
    const { buffer, at } = this.#take(paddedBytes(length * DTYPE_BYTES.float32));
    return { dtype, shape, data: new Float32Array(buffer, at, length) };
  }

  /** Takes a tensor's memory back, if it is of this arena. Nobody may read it any more. */
  give({ data }: Tensor): void {
    const slab = this.#slabs.find(({ buffer }) => buffer === data.buffer);
    if (!slab) return;
    release(slab.gaps, { from: data.byteOffset, to: data.byteOffset + paddedBytes(data.byteLength) });
    const empty = this.#slabs.filter(isEmpty);
    if (empty.length > 1) this.#slabs = this.#slabs.filter((other) => other !== slab || !isEmpty(slab));
  }

  #take(bytes: number): { buffer: ArrayBuffer; at: number } {
    for (const { buffer, gaps } of this.#slabs) {
      const i = gaps.findIndex(({ from, to }) => to - from >= bytes);
      if (i < 0) continue;
      const at = gaps[i].from;
      gaps[i].from += bytes;
      if (gaps[i].from === gaps[i].to) gaps.splice(i, 1);
      return { buffer, at };
    }
    const buffer = new ArrayBuffer(Math.max(bytes, SLAB_BYTES));
    const rest = { from: bytes, to: buffer.byteLength };
    this.#slabs.push({ buffer, gaps: rest.from < rest.to ? [rest] : [] });
    return { buffer, at: 0 };
  }
}

const paddedBytes = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

const isEmpty = ({ buffer, gaps: [first] }: Slab): boolean => first?.from === 0 && first.to === buffer.byteLength;

/** Puts a gap among the others, and joins it with those that it touches. */
function release(gaps: Gap[], gap: Gap): void {
  const next = gaps.findIndex(({ from }) => from >= gap.to);
  const i = next < 0 ? gaps.length : next;
  const [before, after] = [gaps[i - 1], gaps[i]];
  const joins = { before: before?.to === gap.from, after: after?.from === gap.to };
  const joined = { from: joins.before ? before.from : gap.from, to: joins.after ? after.to : gap.to };
  const start = joins.before ? i - 1 : i;
  gaps.splice(start, Number(joins.before) + Number(joins.after), joined);
}
