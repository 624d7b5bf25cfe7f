import type { Warning } from '../../contract.js';
import { EspalierError } from '../../errors.js';
import { dtypeName } from './dialects/keras3.js';
import { MAX_EXTENT } from './fields.js';
import { own, show } from './json.js';
import type { Layer } from './topology.js';

/** Extent that stands for a spatial one that the file leaves open. */
const ASSUMED_EXTENT = 224;
/** Dtypes and policies (of a first layer that stands for its input) under which inputs are float32 in TensorFlow.js. */
const FLOAT_DTYPES: readonly string[] = ['float32', 'mixed_float16', 'mixed_bfloat16'];
/** Whole numbers, which an embedding reads, are fed as float32 too. */
const FED_DTYPES: readonly string[] = [...FLOAT_DTYPES, 'int32'];
const SHAPE_KEYS = ['batch_input_shape', 'batch_shape'] as const;

/** The key under which an input layer's config gives its shape, if it does. */
export function inputShapeKey({ config }: Layer): (typeof SHAPE_KEYS)[number] | undefined {
  return SHAPE_KEYS.find((key) => Array.isArray(own(config, key)));
}

/**
 * The shape that an input layer declares, without the batch; null where it is open.
 * @throws EspalierError LAYER_INVALID, SHAPE_OVERFLOW, LAYER_UNSUPPORTED (an input that is not float32)
 */
export function declaredInput(layer: Layer): (number | null)[] {
  const key = inputShapeKey(layer);
  if (!key) throw invalid(layer, `no ${SHAPE_KEYS.join(' or ')}; the first layer of a model needs one`);
  const value = own(layer.config, key) as unknown[];
  const dims = value.slice(1);
  if (dims.length === 0 || !dims.every((d) => d === null || (Number.isInteger(d) && (d as number) > 0))) {
    throw invalid(layer, `${key} is ${show(own(layer.config, key))}; expected [null, …] with extents from 1`);
  }
  const elements = (dims as (number | null)[]).reduce<number>((n, d) => n * (d ?? 1), 1);
  if (elements > MAX_EXTENT) {
    throw new EspalierError('SHAPE_OVERFLOW', `layer ${layer.path}: ${key} is ${show(own(layer.config, key))}`);
  }
  const dtype = dtypeName(own(layer.config, 'dtype')) ?? 'float32';
  if (layer.className === 'InputLayer' && !FED_DTYPES.includes(dtype as string)) {
    throw new EspalierError(
      'LAYER_UNSUPPORTED',
      `input ${layer.path} has dtype ${show(dtype)}; float32 and int32 are supported`,
    );
  }
  return dims as (number | null)[];
}

/**
 * Fills in open spatial extents: those of a sample of the data where it fits, else {@link ASSUMED_EXTENT}.
 * @throws EspalierError LAYER_INVALID when the channels are open
 */
export function resolveInput(
  layer: Layer,
  dims: readonly (number | null)[],
  warnings: Warning[],
  sample: readonly number[] = [],
): readonly number[] {
  if (dims.every((d) => d !== null)) return dims;
  // The channels stand last, or first; one of the two must be known.
  if (dims.length < 2 || (dims[0] === null && dims[dims.length - 1] === null)) {
    throw invalid(layer, `its shape is ${show([...dims])}; the number of channels must be known`);
  }
  const data = fitSample(dims, sample);
  const shape = data ?? dims.map((d) => d ?? ASSUMED_EXTENT);
  const open = `input ${layer.path} has open extents ${show([...dims])}`;
  warnings.push(
    data
      ? { code: 'INPUT_SIZE_FROM_DATA', message: `${open}; MACs are counted at those of the data, [${shape}]` }
      : { code: 'INPUT_SIZE_ASSUMED', message: `${open}; MACs are counted at [${shape}]. The file keeps them open` },
  );
  return shape;
}

/** The sample's extents where they are those that the input declares; images of one channel may lack that axis. */
function fitSample(dims: readonly (number | null)[], sample: readonly number[]): number[] | undefined {
  const found = sample.length === dims.length - 1 && dims[dims.length - 1] === 1 ? [...sample, 1] : [...sample];
  return found.length === dims.length && dims.every((d, i) => d === null || d === found[i]) ? found : undefined;
}

function invalid(layer: Layer, message: string): EspalierError {
  return new EspalierError('LAYER_INVALID', `layer ${layer.path}: ${message}`);
}
