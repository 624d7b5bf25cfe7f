import { transposeTensor } from '../../../graph/tensor.js';
import { type Json, type JsonObject, own } from '../json.js';
import type { WeightLayout } from '../weight-layout.js';

/**
 * Keras 1's layer classes and fields, by their names of today. TensorFlow.js itself never loads such files; they come
 * out of converters of old HDF5 files. A pruned file keeps the old names.
 */

/** A layer's class and config by today's names, and the file's names of the fields that it renames. */
export interface LegacyLayer {
  readonly className: string;
  readonly config: JsonObject;
  readonly keys: ReadonlyMap<string, string>;
}

interface LegacyClass {
  readonly className: string;
  /** The file's name of a field to today's. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Fields that were several. */
  readonly kernel?: readonly string[];
}

const CONV = { nb_filter: 'filters', filter_length: 'kernel_size', atrous_rate: 'dilation_rate', bias: 'use_bias' };
const WINDOW = { border_mode: 'padding', subsample: 'strides', dim_ordering: 'data_format' };
const CONV_1D = { ...CONV, border_mode: 'padding', subsample_length: 'strides' };
const POOL_1D = { pool_length: 'pool_size', stride: 'strides', border_mode: 'padding' };
const RATE = { p: 'rate', dim_ordering: 'data_format' };

/** By the class's name in Keras 1. The fields tell a class whose name has stayed from today's. */
const CLASSES: Readonly<Record<string, LegacyClass>> = {
  Convolution1D: { className: 'Conv1D', fields: CONV_1D },
  AtrousConvolution1D: { className: 'Conv1D', fields: CONV_1D },
  Convolution2D: { className: 'Conv2D', fields: { ...CONV, ...WINDOW }, kernel: ['nb_row', 'nb_col'] },
  AtrousConvolution2D: { className: 'Conv2D', fields: { ...CONV, ...WINDOW }, kernel: ['nb_row', 'nb_col'] },
  SeparableConvolution2D: {
    className: 'SeparableConv2D',
    fields: { ...CONV, ...WINDOW },
    kernel: ['nb_row', 'nb_col'],
  },
  Convolution3D: {
    className: 'Conv3D',
    fields: { ...CONV, ...WINDOW },
    kernel: ['kernel_dim1', 'kernel_dim2', 'kernel_dim3'],
  },
  Deconvolution2D: { className: 'Conv2DTranspose', fields: { ...CONV, ...WINDOW }, kernel: ['nb_row', 'nb_col'] },
  Dense: { className: 'Dense', fields: { output_dim: 'units', bias: 'use_bias' } },
  Dropout: { className: 'Dropout', fields: RATE },
  SpatialDropout1D: { className: 'SpatialDropout1D', fields: RATE },
  SpatialDropout2D: { className: 'SpatialDropout2D', fields: RATE },
  SpatialDropout3D: { className: 'SpatialDropout3D', fields: RATE },
  GaussianDropout: { className: 'GaussianDropout', fields: RATE },
  GaussianNoise: { className: 'GaussianNoise', fields: { sigma: 'stddev' } },
  MaxPooling1D: { className: 'MaxPooling1D', fields: POOL_1D },
  AveragePooling1D: { className: 'AveragePooling1D', fields: POOL_1D },
  UpSampling1D: { className: 'UpSampling1D', fields: { length: 'size' } },
  ...Object.fromEntries(
    [
      ...['MaxPooling2D', 'AveragePooling2D', 'MaxPooling3D', 'AveragePooling3D'],
      ...['GlobalMaxPooling2D', 'GlobalAveragePooling2D', 'GlobalMaxPooling3D', 'GlobalAveragePooling3D'],
      ...['UpSampling2D', 'UpSampling3D', 'Cropping2D', 'Cropping3D', 'ZeroPadding2D', 'ZeroPadding3D'],
    ].map((className) => [className, { className, fields: WINDOW }]),
  ),
};

/** Classes of today for the modes of Keras 1's Merge. */
const MERGES: Readonly<Record<string, string>> = {
  sum: 'Add',
  mul: 'Multiply',
  ave: 'Average',
  max: 'Maximum',
  concat: 'Concatenate',
  dot: 'Dot',
  cos: 'Dot',
};

/** What Keras 1 calls a weight, after `layer_`; the rest are called as today. */
export const KERAS1_WEIGHTS: Readonly<Record<string, string>> = {
  kernel: 'W',
  bias: 'b',
  embeddings: 'W',
  alpha: 'alphas',
  moving_mean: 'running_mean',
  moving_variance: 'running_std',
};

/** Kernels of one-dimensional convolutions: `[length, 1, in, out]` in the file. */
export const KERAS1_CONV1D: WeightLayout = {
  toGraph: (t) => {
    const [length, , channels, filters] = t.shape;
    return { ...transposeTensor(t, [3, 2, 0, 1]), shape: [filters, channels, length] };
  },
  toFile: (t) => transposeTensor({ ...t, shape: [...t.shape, 1] }, [2, 3, 1, 0]),
};

const swapped = (perm: readonly number[]): WeightLayout => ({
  toGraph: (t) => transposeTensor(t, perm),
  toFile: (t) => transposeTensor(t, perm),
});

/** Kernels of transposed convolutions, by the layer's `data_format`. */
export const KERAS1_TRANSPOSED: Readonly<Record<'channels_first' | 'channels_last', WeightLayout>> = {
  channels_first: swapped([1, 0, 2, 3]),
  channels_last: swapped([2, 3, 0, 1]),
};

/** The layer by today's names; undefined when it isn't one of Keras 1. */
export function readKeras1(className: string, config: JsonObject): LegacyLayer | undefined {
  if (className === 'Merge') return readMerge(config);
  const legacy = Object.hasOwn(CLASSES, className) ? CLASSES[className] : undefined;
  if (!legacy) return undefined;
  const read: JsonObject = {};
  const keys = new Map<string, string>();
  for (const [key, value] of Object.entries(config)) {
    const today = legacy.fields && Object.hasOwn(legacy.fields, key) ? legacy.fields[key] : key;
    if (today !== key && Object.hasOwn(config, today)) continue;
    if (today !== key) keys.set(today, key);
    read[today] = today === 'data_format' ? dataFormat(value) : value;
  }
  const parts = legacy.kernel?.map((key) => own(config, key));
  if (parts?.every((part) => part !== undefined)) read.kernel_size = parts as Json[];
  if (keys.size === 0 && legacy.className === className) return undefined;
  return { className: legacy.className, config: read, keys };
}

function readMerge(config: JsonObject): LegacyLayer | undefined {
  const mode = own(config, 'mode');
  // A Merge in front of a Sequential model holds the models that it merges; such files are too old to be read.
  const holdsModels = ((own(config, 'layers') as Json[] | undefined) ?? []).length > 0;
  if (typeof mode !== 'string' || !Object.hasOwn(MERGES, mode) || holdsModels) return undefined;
  const { concat_axis, ...rest } = config;
  return {
    className: MERGES[mode],
    config: { ...rest, axis: concat_axis ?? -1 },
    keys: new Map([['axis', 'concat_axis']]),
  };
}

const DATA_FORMATS: Readonly<Record<string, string>> = { th: 'channels_first', tf: 'channels_last' };

function dataFormat(value: Json): Json {
  if (value === 'default') return 'channels_last';
  return typeof value === 'string' && Object.hasOwn(DATA_FORMATS, value) ? DATA_FORMATS[value] : value;
}
