import { type ArchiveLimits, openFileSet } from '../archive/index.js';
import { EspalierError } from '../errors.js';
import type { DatasetInspection } from '../prune-config/inspection.js';
import type { DatasetFormat, DatasetParts } from './format.js';
import type { Labels } from './labels.js';
import { NPZ } from './npz.js';
import type { Split } from './split.js';

/** Every data file format, in the order in which they are tried. */
const FORMATS: readonly DatasetFormat[] = [NPZ];

export interface Dataset extends DatasetParts {
  readonly kind: DatasetFormat['kind'];
}

/**
 * Opens a data set and checks it whole: shapes, counts, labels, NaN and infinite values. Both parts have samples of one
 * shape and labels of one shape, and what is known of labels is of both.
 * @param options.name the user's file name, when the stored path has another
 * @throws EspalierError FORMAT_UNKNOWN, ARCHIVE_…, DATASET_INVALID, DATASET_NOT_FINITE, LABELS_INVALID
 */
export async function openDataset(
  path: string,
  options: { name?: string; limits?: ArchiveLimits } = {},
): Promise<Dataset> {
  const files = await openFileSet(path, options);
  try {
    const format = FORMATS.find((candidate) => candidate.match(files));
    if (!format) {
      const found = files.names.slice(0, 5).join(', ') || 'nothing';
      const accepted = FORMATS.map(({ accepts }) => accepts).join('; ');
      throw new EspalierError('FORMAT_UNKNOWN', `found ${found}; a data set is ${accepted}`);
    }
    const parts = await format.read(files);
    return { kind: format.kind, ...agree(parts) };
  } finally {
    await files.close();
  }
}

/** What an upload of a data set is, for the record. @throws EspalierError as {@link openDataset} */
export async function inspectDataset(
  path: string,
  options: { name?: string; limits?: ArchiveLimits } = {},
): Promise<DatasetInspection> {
  const { kind, train, validation, warnings } = await openDataset(path, options);
  const labels = train.labels.get('');
  return {
    kind,
    samples: { train: train.count, validation: validation?.count ?? 0 },
    input_shape: train.inputShape,
    dtype: train.dtype,
    label_kind: labels?.kind ?? 'none',
    num_classes: labels?.classes ?? null,
    label_shape: labels?.shape ?? null,
    label_outputs: [...train.labels.keys()].filter((output) => output !== ''),
    warnings,
  };
}

function agree({ train, validation, warnings }: DatasetParts): DatasetParts {
  if (!validation) return { train, warnings };
  if (String(train.inputShape) !== String(validation.inputShape)) {
    throw new EspalierError(
      'DATASET_INVALID',
      `training samples have shape [${train.inputShape}], test samples [${validation.inputShape}]`,
    );
  }
  const [ours, theirs] = [train, validation].map(({ labels }) => [...labels.keys()].sort());
  if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
    const named = (keys: string[]) => keys.map((key) => (key === '' ? 'y' : `y_${key}`)).join(', ') || 'none';
    throw new EspalierError('DATASET_INVALID', `training labels are ${named(ours)}, test labels ${named(theirs)}`);
  }
  const labels = new Map([...train.labels].map(([key, own]) => [key, together(own, validation.labels.get(key)!)]));
  const withLabels = (split: Split): Split => ({ ...split, labels });
  return { train: withLabels(train), validation: withLabels(validation), warnings };
}

/** What both parts' labels are. */
function together(a: Labels, b: Labels): Labels {
  if (String(a.shape) !== String(b.shape)) {
    throw new EspalierError('DATASET_INVALID', `training labels have shape [${a.shape}], test labels [${b.shape}]`);
  }
  const odd = a.odd ?? b.odd;
  const [least, largest] = [Math.min(a.least, b.least), Math.max(a.largest, b.largest)];
  const range = { shape: a.shape, least, largest, whole: a.whole && b.whole, ...(odd === undefined ? {} : { odd }) };
  if (a.kind !== b.kind) return { kind: 'values', classes: null, ...range };
  return { kind: a.kind, classes: a.classes === null ? null : Math.max(a.classes, b.classes!), ...range };
}
