import type { Tensor } from '../../graph/tensor.js';
import type { Json } from './json.js';
import type { KerasTensor } from './keras-tensor.js';
import type { LayerLowering } from './lowering.js';

/** What a layer's config must say after pruning. */
export interface LayerChange {
  /** A field of the config, by its name of today; undefined when it is absent or null. */
  get(key: string): Json | undefined;
  /** Sets a field under the name that the file has for it. */
  set(key: string, value: Json): void;
  /** One of the layer's weights, or a literal that its lowering made, as the graph holds it. */
  weight(name: string): Tensor;
  /** Shape of the layer's output as it was read, as the file orders axes, the batch first. */
  readonly before: readonly (number | string)[];
  /** The same, now. */
  readonly outputShape: readonly (number | string)[];
  /** `group` of the layer's convolution. */
  readonly group: number;
}

/** One Keras layer class. */
export interface LayerKind {
  /** Least and most inputs. */
  readonly inputs: readonly [number, number];
  /** Lowers one call of the layer into nodes. @throws EspalierError naming the layer */
  lower(inputs: readonly KerasTensor[], layer: LayerLowering): KerasTensor;
  /** Updates the counts in the config. Absent: the config holds none. */
  patch?(change: LayerChange): void;
}

/** A layer of exactly one input. */
export function unary(
  lower: (input: KerasTensor, layer: LayerLowering) => KerasTensor,
  patch?: (change: LayerChange) => void,
): LayerKind {
  const kind: LayerKind = { inputs: [1, 1], lower: ([input], layer) => lower(input, layer) };
  return patch ? { ...kind, patch } : kind;
}
