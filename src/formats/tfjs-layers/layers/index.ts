import { EspalierError } from '../../../errors.js';
import type { LayerKind } from '../layer-kind.js';
import type { Layer } from '../topology.js';
import { ACTIVATION_LAYERS } from './activation.js';
import { CONV_LAYERS } from './conv.js';
import { CONV_TRANSPOSE_LAYERS } from './conv-transpose.js';
import { DENSE_LAYERS } from './dense.js';
import { EMBEDDING_LAYERS } from './embedding.js';
import { MERGE_LAYERS } from './merge.js';
import { NOISE_LAYERS } from './noise.js';
import { NORMALIZATION_LAYERS } from './normalization.js';
import { PADDING_LAYERS } from './padding.js';
import { POOLING_LAYERS } from './pooling.js';
import { PREPROCESSING_LAYERS } from './preprocessing.js';
import { RESIZE_LAYERS } from './resize.js';
import { SHAPE_LAYERS } from './shape.js';

/** Every Keras layer class that is read, by its `class_name`. */
const LAYERS: ReadonlyMap<string, LayerKind> = new Map([
  ...CONV_LAYERS,
  ...CONV_TRANSPOSE_LAYERS,
  ...DENSE_LAYERS,
  ...NORMALIZATION_LAYERS,
  ...ACTIVATION_LAYERS,
  ...POOLING_LAYERS,
  ...MERGE_LAYERS,
  ...PADDING_LAYERS,
  ...RESIZE_LAYERS,
  ...NOISE_LAYERS,
  ...PREPROCESSING_LAYERS,
  ...EMBEDDING_LAYERS,
  ...SHAPE_LAYERS,
]);

/** Layers that hold code or the name of code. */
const CODE_LAYERS = ['Lambda', 'TFOpLambda', 'SlicingOpLambda', 'TensorFlowOpLayer'];

/** @throws EspalierError LAMBDA_LAYER, LAYER_UNSUPPORTED */
export function getLayerKind({ path, className }: Layer): LayerKind {
  const kind = LAYERS.get(className);
  if (kind) return kind;
  if (CODE_LAYERS.includes(className)) {
    throw new EspalierError('LAMBDA_LAYER', `layer ${path} is a ${className} layer, which holds code`);
  }
  throw new EspalierError(
    'LAYER_UNSUPPORTED',
    `layer ${path} has class ${className}; supported are ${[...LAYERS.keys()].join(', ')}`,
  );
}
