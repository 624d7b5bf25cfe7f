import { EspalierError } from '../errors.js';
import { FORMATS } from '../model-formats.js';
import type { FileSet, ModelFormat } from './format.js';

/** Every model file format that is read, in the order in which they are tried. */
export const MODEL_FORMATS: readonly ModelFormat[] = await Promise.all(Object.values(FORMATS).map((load) => load()));

/**
 * The format of an upload.
 * @throws EspalierError FORMAT_UNKNOWN saying what was found and what is taken
 */
export async function detectFormat(
  files: FileSet,
  formats: readonly ModelFormat[] = MODEL_FORMATS,
): Promise<ModelFormat> {
  for (const format of formats) if (await format.match(files)) return format;
  const taken = formats.map(({ takes }) => takes).join('; and ');
  throw new EspalierError('FORMAT_UNKNOWN', `${describeFiles(files)}; taken are ${taken}`);
}

/** What an upload is that holds no model. */
function describeFiles({ names, isArchive }: FileSet): string {
  const first = names.slice(0, 5).join(', ') || 'no file';
  const found = names.length > 5 ? `${first} and ${names.length - 5} more` : first;
  if (isArchive) return `the zip holds no model: found ${found}`;
  return names.length === 1
    ? `${found} is no zip file, and no model either`
    : `found ${found}, and no model among them`;
}
