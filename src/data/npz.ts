import type { FileSet } from '../archive/index.js';
import { EspalierError } from '../errors.js';
import { arraySplit } from './array-split.js';
import type { DatasetFormat, DatasetParts } from './format.js';
import type { NamedArray } from './labels.js';
import { parseNpy } from './npy.js';
import type { Split } from './split.js';

/**
 * The ways to name the arrays: with parts to train, to judge training and to test by, without the second of them, or one part
 * only. Labels of one output of several
 * have its name after a `_`: `y_train_boxes`.
 */
const PARTS = [
  {
    train: ['x_train', 'y_train'],
    held: [
      ['x_val', 'y_val'],
      ['x_test', 'y_test'],
    ],
  },
  { train: ['x', 'y'], held: [] },
] as const;

/** NumPy's `.npz` archives, as `numpy.savez` and `numpy.savez_compressed` write them. */
export const NPZ: DatasetFormat = {
  kind: 'npz',
  accepts: 'an .npz with x_train and y_train (and x_val, y_val, x_test, y_test), or x and y',
  match: (files) => files.names.some((name) => name.endsWith('.npy')),
  read: readNpz,
};

async function readNpz(files: FileSet): Promise<DatasetParts> {
  const names = new Set(files.names.map((name) => name.replace(/\.npy$/, '')));
  const part = PARTS.find(({ train }) => names.has(train[0]));
  if (!part) {
    throw new EspalierError('DATASET_INVALID', `the .npz holds ${[...names].join(', ')}; expected ${NPZ.accepts}`);
  }
  const used = new Set<string>();
  const array = async (name: string): Promise<NamedArray> => {
    used.add(name);
    return readArray(files, name);
  };
  const read = async ([x, y]: readonly [string, string]): Promise<Split> => {
    const labels = new Map<string, NamedArray>();
    if (names.has(y)) labels.set('', await array(y));
    for (const name of [...names].filter((n) => n.startsWith(`${y}_`))) {
      labels.set(name.slice(y.length + 1), await array(name));
    }
    return arraySplit(await array(x), labels);
  };
  const train = await read(part.train);
  const held: Split[] = [];
  for (const arrays of part.held) if (names.has(arrays[0])) held.push(await read(arrays));
  const [validation, test] = held;
  const ignored = [...names].filter((name) => !used.has(name));
  return {
    train,
    ...(validation ? { validation } : {}),
    ...(test ? { test } : {}),
    warnings:
      ignored.length === 0
        ? []
        : [{ code: 'ARRAYS_IGNORED', message: `arrays that are not used: ${ignored.join(', ')}` }],
  };
}

async function readArray(files: FileSet, name: string): Promise<NamedArray> {
  return { name, ...parseNpy(await files.read(`${name}.npy`), name) };
}
