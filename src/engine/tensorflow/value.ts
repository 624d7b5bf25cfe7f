import type * as tfjs from '@tensorflow/tfjs';

/** The functions of tfjs-core, as a package of TensorFlow.js that was loaded at run time has them. */
export type TF = typeof tfjs;
export type DeviceTensor = tfjs.Tensor;

/**
 * How the axes of a tensor of rank 3 or more stand. The IR is channels-first, TensorFlow's spatial ops want
 * channels-last. Tensors of a lower rank have no spatial axes and stand the same in both.
 */
export type Layout = 'channels-first' | 'channels-last';

/** `perm` of a transpose to channels-last. `[0, 2, 3, 1]` for rank 4. */
export function permToLast(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => (axis === 0 ? 0 : axis === rank - 1 ? 1 : axis + 1));
}

/** `perm` of a transpose to channels-first. `[0, 3, 1, 2]` for rank 4. */
export function permToFirst(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => (axis === 0 ? 0 : axis === 1 ? rank - 1 : axis - 1));
}

/**
 * A value of the graph on the device. It is converted to a layout when an op first wants it so, and keeps what it was
 * converted to; so layouts change only where ops that care about order meet spatial ones.
 */
export class Value {
  readonly #tf: TF;
  readonly #forms = new Map<string, DeviceTensor>();
  readonly rank: number;

  /** Owns `tensor`, and what is made of it. */
  constructor(tf: TF, tensor: DeviceTensor, layout: Layout) {
    this.#tf = tf;
    this.rank = tensor.rank;
    this.#forms.set(this.#key(layout), tf.keep(tensor));
  }

  has(layout: Layout): boolean {
    return this.#forms.has(this.#key(layout));
  }

  in(layout: Layout): DeviceTensor {
    return this.form(this.#key(layout), () => {
      const [other, perm] =
        layout === 'channels-last'
          ? ['channels-first', permToLast(this.rank)]
          : ['channels-last', permToFirst(this.rank)];
      return this.#tf.transpose(this.#forms.get(other as Layout)!, perm as number[]);
    });
  }

  /** Another arrangement of the same data, made once: a filter as TensorFlow wants it. */
  form(name: string, make: () => DeviceTensor): DeviceTensor {
    const known = this.#forms.get(name);
    if (known) return known;
    const made = this.#tf.keep(make());
    this.#forms.set(name, made);
    return made;
  }

  dispose(): void {
    for (const tensor of this.#forms.values()) tensor.dispose();
    this.#forms.clear();
  }

  #key(layout: Layout): Layout {
    return this.rank < 3 ? 'channels-first' : layout;
  }
}
