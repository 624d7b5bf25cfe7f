import { DATASET_LIMITS, type OpenFileSet, openFileSet } from '../archive/index.js';
import { DATASET_FORMATS } from '../contract.js';
import { EspalierError } from '../errors.js';
import type { DatasetInspection } from '../prune-config/inspection.js';
import type { DatasetFormat, DatasetParts, DatasetReading, Findings } from './format.js';
import { IMAGES } from './images/index.js';
import type { Labels } from './labels.js';
import { NPZ } from './npz.js';
import type { Split } from './split.js';

const FORMATS: Readonly<Record<DatasetFormat['kind'], DatasetFormat>> = { npz: NPZ, images: IMAGES };
const IN_ORDER = DATASET_FORMATS.map((kind) => FORMATS[kind]);

export interface Dataset extends DatasetParts {
  readonly kind: DatasetFormat['kind'];
  close(): Promise<void>;
}

/**
 * Opens a data set and checks it: shapes, counts, labels, NaN and infinite values; images are decoded when they are asked for.
 * Both parts have samples of one shape and labels of one shape, and what is known of labels is of both.
 * @throws EspalierError FORMAT_UNKNOWN, ARCHIVE_…, DATASET_INVALID, DATASET_NOT_FINITE, LABELS_INVALID
 */
export async function openDataset(path: string, reading: DatasetReading = {}): Promise<Dataset> {
  const files = await open(path, reading);
  try {
    const format = findFormat(files);
    const parts = await format.read(files, reading);
    if (!parts.close) await files.close();
    return { close: async () => {}, ...agree(parts), kind: format.kind };
  } catch (error) {
    await files.close();
    throw error;
  }
}

/** What an upload of a data set is, for the record. @throws EspalierError as {@link openDataset} */
export async function inspectDataset(path: string, reading: DatasetReading = {}): Promise<DatasetInspection> {
  const files = await open(path, reading);
  try {
    const format = findFormat(files);
    const findings = format.inspect
      ? await format.inspect(files)
      : findingsOf(agree(await format.read(files, reading)));
    return { kind: format.kind, ...findings };
  } finally {
    await files.close();
  }
}

function open(path: string, { name, limits = DATASET_LIMITS, scratchFolder }: DatasetReading): Promise<OpenFileSet> {
  return openFileSet(path, { limits, ...(name !== undefined && { name }), ...(scratchFolder && { scratchFolder }) });
}

/** @throws EspalierError FORMAT_UNKNOWN */
function findFormat(files: OpenFileSet): DatasetFormat {
  const format = IN_ORDER.find((candidate) => candidate.match(files));
  if (format) return format;
  const found = files.names.slice(0, 5).join(', ') || 'nothing';
  const accepted = IN_ORDER.map(({ accepts }) => accepts).join('; ');
  throw new EspalierError('FORMAT_UNKNOWN', `found ${found}; a data set is ${accepted}`);
}

function findingsOf({ train, validation, test, warnings }: DatasetParts): Findings {
  const labels = train.labels.get('');
  return {
    samples: { train: train.count, validation: validation?.count ?? 0, ...(test && { test: test.count }) },
    input_shape: train.inputShape,
    dtype: train.dtype,
    label_kind: labels?.kind ?? 'none',
    num_classes: labels?.classes ?? null,
    label_shape: labels?.shape ?? null,
    label_outputs: [...train.labels.keys()].filter((output) => output !== ''),
    warnings,
  };
}

function agree(parts: DatasetParts): DatasetParts {
  const { train, validation, test } = parts;
  const held = [
    ...(validation ? [{ what: test ? 'validation' : 'test', split: validation }] : []),
    ...(test ? [{ what: 'test', split: test }] : []),
  ];
  let { labels } = train;
  for (const { what, split } of held) labels = agreeing({ ...train, labels }, split, what);
  const withLabels = (split: Split): Split => ({ ...split, labels });
  return {
    ...parts,
    train: withLabels(train),
    ...(validation && { validation: withLabels(validation) }),
    ...(test && { test: withLabels(test) }),
  };
}

/** What the labels of both parts are. @throws EspalierError DATASET_INVALID */
function agreeing(train: Split, held: Split, what: string): ReadonlyMap<string, Labels> {
  if (String(train.inputShape) !== String(held.inputShape)) {
    throw new EspalierError(
      'DATASET_INVALID',
      `training samples have shape [${train.inputShape}], ${what} samples [${held.inputShape}]`,
    );
  }
  const [ours, theirs] = [train, held].map(({ labels }) => [...labels.keys()].sort());
  if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
    const named = (keys: string[]) => keys.map((key) => (key === '' ? 'y' : `y_${key}`)).join(', ') || 'none';
    throw new EspalierError('DATASET_INVALID', `training labels are ${named(ours)}, ${what} labels ${named(theirs)}`);
  }
  return new Map([...train.labels].map(([key, own]) => [key, together(own, held.labels.get(key)!, what)]));
}

/** What both parts' labels are. */
function together(a: Labels, b: Labels, what: string): Labels {
  if (String(a.shape) !== String(b.shape)) {
    throw new EspalierError('DATASET_INVALID', `training labels have shape [${a.shape}], ${what} labels [${b.shape}]`);
  }
  const odd = a.odd ?? b.odd;
  const [least, largest] = [Math.min(a.least, b.least), Math.max(a.largest, b.largest)];
  const range = { shape: a.shape, least, largest, whole: a.whole && b.whole, ...(odd === undefined ? {} : { odd }) };
  if (a.kind !== b.kind) return { kind: 'values', classes: null, ...range };
  return { kind: a.kind, classes: a.classes === null ? null : Math.max(a.classes, b.classes!), ...range };
}
