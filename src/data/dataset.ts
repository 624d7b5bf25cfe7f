import { type ArchiveLimits, openFileSet } from '../archive/index.js';
import { EspalierError } from '../errors.js';
import type { DatasetInspection } from '../pipeline/contract.js';
import type { DatasetFormat, DatasetParts } from './format.js';
import { NPZ } from './npz.js';
import type { Labels, Split } from './split.js';

/** Every data file format, in the order in which they are tried. */
const FORMATS: readonly DatasetFormat[] = [NPZ];

export interface Dataset extends DatasetParts {
  readonly kind: DatasetFormat['kind'];
  close(): Promise<void>;
}

/**
 * Opens a data set and checks it whole: shapes, counts, labels, NaN and infinite values. Both parts have samples of one
 * shape and labels of one kind, and `index` labels of both count the same number of classes.
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
    return { kind: format.kind, ...agree(parts), close: async () => {} };
  } finally {
    await files.close();
  }
}

/** What an upload of a data set is, for the record. @throws EspalierError as {@link openDataset} */
export async function inspectDataset(
  path: string,
  options: { name?: string; limits?: ArchiveLimits } = {},
): Promise<DatasetInspection> {
  const dataset = await openDataset(path, options);
  try {
    const { kind, train, validation, warnings } = dataset;
    return {
      kind,
      samples: { train: train.count, validation: validation?.count ?? 0 },
      input_shape: train.inputShape,
      dtype: train.dtype,
      label_kind: train.labels.kind,
      num_classes: train.labels.classes,
      warnings,
    };
  } finally {
    await dataset.close();
  }
}

function agree({ train, validation, warnings }: DatasetParts): DatasetParts {
  if (!validation) return { train, warnings };
  if (String(train.inputShape) !== String(validation.inputShape)) {
    throw new EspalierError(
      'DATASET_INVALID',
      `training samples have shape [${train.inputShape}], test samples [${validation.inputShape}]`,
    );
  }
  if (train.labels.kind !== validation.labels.kind) {
    throw new EspalierError(
      'DATASET_INVALID',
      `training labels are of kind ${train.labels.kind}, test labels of kind ${validation.labels.kind}`,
    );
  }
  const [a, b] = [train.labels.classes, validation.labels.classes];
  if (train.labels.kind === 'one_hot' && a !== b) {
    throw new EspalierError('DATASET_INVALID', `training labels have ${a} classes, test labels ${b}`);
  }
  const labels: Labels = { kind: train.labels.kind, classes: a === null || b === null ? null : Math.max(a, b) };
  const withLabels = (split: Split): Split => ({ ...split, labels });
  return { train: withLabels(train), validation: withLabels(validation), warnings };
}
