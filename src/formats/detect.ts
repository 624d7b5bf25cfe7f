import { EspalierError } from '../errors.js';
import type { FileSet, ModelFormat } from './format.js';
import { TFJS_LAYERS } from './tfjs-layers/index.js';

/** Every model file format that is read, in the order in which they are tried. */
export const MODEL_FORMATS: readonly ModelFormat[] = [TFJS_LAYERS];

/**
 * The format of an upload.
 * @throws EspalierError FORMAT_UNKNOWN saying what was found and what is taken
 */
export async function detectFormat(
  files: FileSet,
  formats: readonly ModelFormat[] = MODEL_FORMATS,
): Promise<ModelFormat> {
  for (const format of formats) if (await format.match(files)) return format;
  const found = files.names.slice(0, 5).join(', ') || 'no file';
  const more = files.names.length > 5 ? ` and ${files.names.length - 5} more` : '';
  throw new EspalierError(
    'FORMAT_UNKNOWN',
    `found ${found}${more}; taken are a TensorFlow.js LayersModel: model.json (with modelTopology and weightsManifest) and its shards`,
  );
}
