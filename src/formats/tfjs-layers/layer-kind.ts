import type { JsonObject } from './json.js';
import type { KerasTensor } from './keras-tensor.js';
import type { LayerLowering } from './lowering.js';

/** What a layer's config must say after pruning. Shapes are as the file orders axes. */
export interface LayerChange {
  readonly config: JsonObject;
  weightShape(name: string): readonly number[];
  /** Shape of the layer's output, the batch first. */
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
