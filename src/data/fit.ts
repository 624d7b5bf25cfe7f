import { EspalierError } from '../errors.js';
import { tensor } from '../graph/tensor.js';
import { shuffledOrder } from './random.js';
import { type Split, subset } from './split.js';

/**
 * A split whose batches a model takes: samples of shape `inputShape`, labels below `classes`. A last axis of one channel
 * is added or dropped where the model wants it (`[28, 28]` and `[28, 28, 1]`).
 * @param inputShape one sample's shape, as the model's file declares it
 * @param classes the number of classes the model tells apart; undefined when its output is no classification
 * @throws EspalierError DATASET_SHAPE, LABELS_INVALID
 */
export function fitToModel(split: Split, inputShape: readonly number[], classes: number | undefined): Split {
  const found = String(split.inputShape);
  if (found !== String(inputShape) && `${found},1` !== String(inputShape) && found !== `${inputShape},1`) {
    throw new EspalierError(
      'DATASET_SHAPE',
      `the data set's samples have shape [${found}]; the model takes [${inputShape.join(',')}]`,
    );
  }
  const labels = fitLabels(split, classes);
  return {
    ...split,
    inputShape,
    labels,
    batch: (indices, scaling) => {
      const { x, y } = split.batch(indices, scaling);
      const shaped = tensor('float32', [indices.length, ...inputShape], x.data);
      return y ? { x: shaped, y } : { x: shaped };
    },
  };
}

function fitLabels(split: Split, classes: number | undefined): Split['labels'] {
  const { kind, classes: found } = split.labels;
  if (classes === undefined || found === null) return split.labels;
  if (kind === 'one_hot' && found !== classes) {
    throw new EspalierError('LABELS_INVALID', `one-hot labels of ${found} classes; the model tells ${classes} apart`);
  }
  if (kind === 'index' && found > classes) {
    throw new EspalierError(
      'LABELS_INVALID',
      `the largest label is ${found - 1}; the model tells ${classes} classes apart, 0 to ${classes - 1}`,
    );
  }
  return { kind, classes };
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
