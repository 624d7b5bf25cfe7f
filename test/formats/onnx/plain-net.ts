import { type Tensor, tensor } from '../../../src/graph/tensor.js';
import type { GraphProto } from '../../../src/onnx-proto/index.js';
import type { ChannelMutator } from '../../../src/pruning/index.js';
import { seededRandom } from '../../support/seeded-random.js';
import type { ModelSketch } from './onnx-models.js';

const random = seededRandom(7);

/** From -0.5 to 0.5. */
export function weights(...shape: number[]): Tensor<'float32'> {
  const size = shape.reduce((n, d) => n * d, 1);
  return tensor(
    'float32',
    shape,
    Float32Array.from({ length: size }, () => random() - 0.5),
  );
}

export const positive = (n: number) =>
  tensor(
    'float32',
    [n],
    Float32Array.from({ length: n }, () => 0.5 + random()),
  );
export const ints = (...values: number[]) => tensor('int64', [values.length], values);

/** Shapes of a file's initializers. */
export const shapes = (proto: GraphProto) =>
  Object.fromEntries(proto.initializer.map((t) => [t.name, t.dims.map(Number)]));
/** Names of the units that can be pruned. */
export const units = (mutator: ChannelMutator) => mutator.mutableUnits.map((unit) => unit.name);

/** Two convolutions and a dense layer, in PyTorch's names. */
export const PLAIN: ModelSketch = {
  inputs: { x: [1, 3, 8, 8] },
  outputs: { y: [1, 5] },
  weights: {
    'c1.weight': weights(8, 3, 3, 3),
    'c1.bias': weights(8),
    'c2.weight': weights(6, 8, 3, 3),
    'fc.weight': weights(5, 6),
    'fc.bias': weights(5),
  },
  nodes: [
    ['Conv', ['x', 'c1.weight', 'c1.bias'], ['a'], { pads: [1, 1, 1, 1], kernel_shape: [3, 3] }],
    ['Relu', ['a'], ['b']],
    ['Conv', ['b', 'c2.weight'], ['c'], {}],
    ['GlobalAveragePool', ['c'], ['d']],
    ['Flatten', ['d'], ['e']],
    ['Gemm', ['e', 'fc.weight', 'fc.bias'], ['y'], { transB: 1 }],
  ],
  values: { a: [1, 8, 8, 8], c: [1, 6, 6, 6] },
};
