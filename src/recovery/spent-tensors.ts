import { allocate, elementCount, type Tensor } from '../graph/tensor.js';

/** Memory of tensors that nobody reads any more, for an engine to write the next ones to. Only what can be of use is kept. */
export class SpentTensors {
  readonly #bySize = new Map<string, Tensor['data'][]>();

  /** From now on tensors like these are wanted. */
  want(tensors: Iterable<Tensor>): void {
    const sizes = new Set([...tensors].map(sizeOf));
    for (const size of this.#bySize.keys()) if (!sizes.has(size)) this.#bySize.delete(size);
    for (const size of sizes) if (!this.#bySize.has(size)) this.#bySize.set(size, []);
  }

  give(tensor: Tensor): void {
    this.#bySize.get(sizeOf(tensor))?.push(tensor.data);
  }

  /** Tensors like these, by name: of memory that was given, or of new. */
  like(templates: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
    return new Map(
      [...templates].map(([name, tensor]) => {
        const { dtype, shape } = tensor;
        const data = this.#bySize.get(sizeOf(tensor))?.pop() ?? allocate(dtype, elementCount(shape));
        return [name, { dtype, shape, data } as Tensor];
      }),
    );
  }
}

const sizeOf = ({ dtype, data }: Tensor): string => `${dtype} ${data.length}`;
