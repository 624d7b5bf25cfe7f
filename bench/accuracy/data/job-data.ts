/** The data sets that jobs are given, as a user would hold them. */
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { writeNpz } from '../../../examples/write-npz.js';
import { DATASET_LIMITS, openFileSet, writeZip } from '../../../src/archive/index.js';
import { seededRandom, shuffledOrder } from '../../../src/data/index.js';
import { CACHE, IMAGES } from '../folders.js';
import type { Row, Source } from '../rows/grid.js';

type Drawn = Pick<Row, 'samples' | 'draw'>;

const MAKE: Readonly<Record<Source, { readonly type: string; make(path: string, drawn: Drawn): Promise<void> }>> = {
  images: { type: 'zip', make: writeUnlabelled },
  labelled: { type: 'zip', make: writeLabelled },
  noise: { type: 'npz', make: writeNoise },
};

/** By path: two rows may want the same one at once. */
const made = new Map<string, Promise<string>>();

/** The data set of a row, made where the cache has none; undefined where the row has none. */
export async function rowData({ source, samples, draw }: Row): Promise<string | undefined> {
  if (samples === 0) return undefined;
  const { type, make } = MAKE[source];
  const path = join(CACHE, 'data', `${source}-${samples}-${draw}.${type}`);
  const making = made.get(path) ?? keep(path, (part) => make(part, { samples, draw }));
  made.set(path, making);
  return making;
}

async function keep(path: string, make: (path: string) => Promise<void>): Promise<string> {
  if (existsSync(path)) return path;
  await mkdir(join(CACHE, 'data'), { recursive: true });
  await make(`${path}.part`);
  await rename(`${path}.part`, path);
  return path;
}

/** Images of `train/`, of all classes, alone. */
async function writeUnlabelled(path: string, drawn: Drawn): Promise<void> {
  await repack(path, (names) => {
    const chosen = drawNames(names, drawn);
    return new Map(chosen.map((name, i) => [name, `${String(i).padStart(5, '0')}.jpg`]));
  });
}

/** Images of `train/` in their folders, and all of `test/`, which accuracies are over. */
async function writeLabelled(path: string, drawn: Drawn): Promise<void> {
  await repack(path, (names) => {
    const held = names.filter((name) => name.startsWith('test/'));
    return new Map([...drawNames(names, drawn), ...held].map((name) => [name, name]));
  });
}

function drawNames(names: readonly string[], { samples, draw }: Drawn): string[] {
  const train = names.filter((name) => name.startsWith('train/'));
  return [...shuffledOrder(train.length, draw, 0).subarray(0, samples)].map((i) => train[i]);
}

/** @param choose new names by old ones */
async function repack(path: string, choose: (names: readonly string[]) => ReadonlyMap<string, string>): Promise<void> {
  const files = await openFileSet(IMAGES, { limits: DATASET_LIMITS });
  try {
    const packed = new Map<string, Uint8Array>();
    for (const [name, as] of choose([...files.names].sort())) packed.set(as, await files.read(name));
    await writeZip(packed, path, { compress: false });
  } finally {
    await files.close();
  }
}

async function writeNoise(path: string, { samples, draw }: Drawn): Promise<void> {
  const random = seededRandom(draw);
  const shape = [samples, 32, 32, 3];
  const data = Uint8Array.from({ length: shape.reduce((a, b) => a * b) }, () => 256 * random());
  await writeNpz(path, { x: { dtype: 'uint8', shape, data } });
}
