import { EspalierError } from '../errors.js';
import { type Tensor, tensor } from '../graph/tensor.js';
import { shuffledOrder } from './random.js';
import { type Split, subset } from './split.js';

/** How the labels of one output are fed. */
export interface LabelTarget {
  /** Name of the model's output. */
  readonly output: string;
  /** Which labels of the data set: their own output's name, or `''`. */
  readonly from: string;
  /** `index`: int32; `one_hot`, of class numbers too, and `values`: float32. */
  readonly kind: 'index' | 'one_hot' | 'values';
  /** Of one sample's. */
  readonly shape: readonly number[];
}

/**
 * A split whose batches a model takes: samples of shape `inputShape`, labels as `targets` say, by output. A last axis of
 * one channel is added or dropped where the model wants it (`[28, 28]` and `[28, 28, 1]`).
 * @param inputShape one sample's shape, as the model's file declares it
 * @throws EspalierError DATASET_SHAPE
 */
export function fitToModel(split: Split, inputShape: readonly number[], targets: readonly LabelTarget[] = []): Split {
  const found = String(split.inputShape);
  if (found !== String(inputShape) && `${found},1` !== String(inputShape) && found !== `${inputShape},1`) {
    throw new EspalierError(
      'DATASET_SHAPE',
      `the data set's samples have shape [${found}]; the model takes [${inputShape.join(',')}]`,
    );
  }
  return {
    ...split,
    inputShape,
    labels: new Map(targets.map(({ output, from }) => [output, split.labels.get(from)!])),
    batch: (indices, scaling) => {
      const { x, labels } = split.batch(indices, scaling);
      return {
        x: tensor('float32', [indices.length, ...inputShape], x.data),
        labels: new Map(targets.map((target) => [target.output, fitLabels(labels.get(target.from)!, target)])),
      };
    },
  };
}

function fitLabels({ dtype, shape: [count], data }: Tensor, { kind, shape }: LabelTarget): Tensor {
  if (kind === 'index') return tensor('int32', [count, ...shape], Int32Array.from(data as Int32Array));
  const values = data as Float32Array | Int32Array;
  if (kind === 'one_hot' && dtype === 'int32') return oneHot(values as Int32Array, [count, ...shape]);
  return tensor('float32', [count, ...shape], Float32Array.from(values));
}

/** A row of zeros for a class that is not there. */
function oneHot(indices: Int32Array, shape: readonly number[]): Tensor {
  const classes = shape[shape.length - 1];
  const data = new Float32Array(indices.length * classes);
  indices.forEach((index, row) => {
    if (index >= 0) data[row * classes + index] = 1;
  });
  return tensor('float32', shape, data);
}

/**
 * Holds out a share of a split, drawn by the seed. The parts have no sample in common and both have at least one.
 * @param share in [0, 1); 0 holds out nothing
 * @throws EspalierError DATASET_INVALID when there are too few samples
 */
export function splitValidation(split: Split, share: number, seed: number): { train: Split; validation?: Split } {
  if (share === 0) return { train: split };
  if (split.count < 2) {
    throw new EspalierError('DATASET_INVALID', `${split.count} sample can not be split in training and validation`);
  }
  const held = Math.min(split.count - 1, Math.max(1, Math.round(split.count * share)));
  const order = shuffledOrder(split.count, seed, 0);
  return { train: subset(split, order.subarray(held)), validation: subset(split, order.subarray(0, held)) };
}
