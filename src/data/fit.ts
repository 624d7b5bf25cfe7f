import { EspalierError } from '../errors.js';
import { type Tensor, tensor } from '../graph/tensor.js';
import { imagePlanes } from './image-planes.js';
import type { ImageExtents } from './images/decode.js';
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
 * A split whose batches a model takes: samples of shape `inputShape`, labels as `targets` say, by output. An axis of one
 * channel is added, dropped or moved where the model wants it (`[28, 28]`, `[28, 28, 1]` and `[1, 28, 28]`); channels that
 * stand last in the data go first for a model that wants them there (`[32, 32, 3]` as `[3, 32, 32]`). Images take the size
 * and color of the model's input.
 * @param inputShape one sample's shape, as the model's file declares it
 * @param options.channelsFirst where the model has the channels of an image, when the shape leaves it open
 * @throws EspalierError DATASET_SHAPE
 */
export function fitToModel(
  samples: Split,
  inputShape: readonly number[],
  targets: readonly LabelTarget[] = [],
  { channelsFirst = false }: { channelsFirst?: boolean } = {},
): Split {
  const split = samples.resized ? samples.resized(imageExtents(inputShape, channelsFirst)) : samples;
  const arrange = arrangement(split.inputShape, inputShape);
  if (!arrange) {
    throw new EspalierError(
      'DATASET_SHAPE',
      `the data set's samples have shape [${split.inputShape.join(',')}]; the model takes [${inputShape.join(',')}]`,
    );
  }
  // It has the model's shape for good.
  const { resized: _, ...own } = split;
  return {
    ...own,
    inputShape,
    labels: new Map(targets.map(({ output, from }) => [output, split.labels.get(from)!])),
    batch: async (indices, scaling) => {
      const { x, labels } = await split.batch(indices, scaling);
      return {
        x: tensor('float32', [indices.length, ...inputShape], arrange(x.data)),
        labels: new Map(targets.map((target) => [target.output, fitLabels(labels.get(target.from)!, target)])),
      };
    },
  };
}

/**
 * What an image has to be for an input of `[height, width]`, `[height, width, channels]` or `[channels, height, width]`.
 * @throws EspalierError DATASET_SHAPE
 */
export function imageExtents(inputShape: readonly number[], channelsFirst: boolean): ImageExtents {
  for (const first of [channelsFirst, !channelsFirst]) {
    const planes = imagePlanes(inputShape, first);
    if (!planes) continue;
    const { outer, height, width, inner } = planes;
    const channels = outer * inner;
    if (channels === 1 || channels === 3) return { height, width, channels };
  }
  throw new EspalierError(
    'DATASET_SHAPE',
    `images feed inputs of [height, width], or of these with 1 or 3 channels; the model takes [${inputShape.join(',')}]`,
  );
}

type Arrange = (samples: Float32Array) => Float32Array;

/** How samples of one shape become those of another; undefined when they don't. */
function arrangement(found: readonly number[], wanted: readonly number[]): Arrange | undefined {
  const plain = (shape: readonly number[]): string[] => {
    const without = shape.at(-1) === 1 ? [shape.slice(0, -1)] : shape[0] === 1 ? [shape.slice(1)] : [];
    return [shape, ...without].map(String);
  };
  if (plain(found).some((shape) => plain(wanted).includes(shape))) return (samples) => samples;
  const channels = found[found.length - 1];
  const isMoved = found.length >= 3 && String([channels, ...found.slice(0, -1)]) === String(wanted);
  if (!isMoved) return undefined;
  const plane = found.slice(0, -1).reduce((n, d) => n * d, 1);
  return (samples) => channelsFirst(samples, plane, channels);
}

function channelsFirst(samples: Float32Array, plane: number, channels: number): Float32Array {
  const out = new Float32Array(samples.length);
  for (let sample = 0, to = 0; sample < samples.length; sample += plane * channels) {
    for (let c = 0; c < channels; c++) {
      const end = sample + plane * channels;
      for (let from = sample + c; from < end; from += channels) out[to++] = samples[from];
    }
  }
  return out;
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
