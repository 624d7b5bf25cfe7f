/** The demo's data set and trained network, made once and kept in `.cache/demo`. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { openEngine } from '../src/engine/index.js';
import { trainModel } from '../src/pipeline/index.js';
import { resolveConfig } from '../src/prune-config/index.js';
import { buildResidualNet, saveLayersModel } from './residual-net.js';
import { drawShapes, SHAPE_CLASSES, SHAPE_SIZE } from './shapes.js';
import { writeNpz } from './write-npz.js';

const SETTINGS = {
  train: 2500,
  validation: 1000,
  seeds: { train: 1, validation: 2, weights: 3 },
  finetune: { epochs: 6, batch_size: 32, optimizer: { type: 'adam' as const, learning_rate: 0.004 } },
};

export interface DemoInputs {
  /** Folder with `model.json` and `weights.bin`. */
  readonly modelFolder: string;
  readonly dataPath: string;
  readonly validation: { readonly pixels: Uint8Array; readonly labels: Int32Array };
}

/** @param onProgress called with the share of training that is done; not called when the cache has it all */
export async function prepareDemoInputs(
  onProgress: (share: number, accuracy: number | null) => void,
): Promise<DemoInputs> {
  const folder = join(resolve('.cache/demo'), await cacheKey());
  const held = drawShapes(SETTINGS.validation, SETTINGS.seeds.validation);
  const inputs: DemoInputs = {
    modelFolder: join(folder, 'model'),
    dataPath: join(folder, 'shapes.npz'),
    validation: { pixels: held.x.data as Uint8Array, labels: held.y.data as Int32Array },
  };
  if (existsSync(folder)) return inputs;

  const work = `${folder}.${process.pid}.part`;
  try {
    await mkdir(join(work, 'model'), { recursive: true });
    const drawn = drawShapes(SETTINGS.train, SETTINGS.seeds.train);
    const dataset = join(work, 'shapes.npz');
    await writeNpz(dataset, { x_train: drawn.x, y_train: drawn.y, x_test: held.x, y_test: held.y });
    const untrained = join(work, 'untrained');
    const net = buildResidualNet([SHAPE_SIZE, SHAPE_SIZE, 1], SHAPE_CLASSES.length, SETTINGS.seeds.weights);
    await saveLayersModel(net, untrained);
    const config = resolveConfig(
      { finetune: SETTINGS.finetune, scaling: '1/255', recovery: { method: 'none' } },
      { hasDataset: true },
    );
    const engine = await openEngine({ engine: 'auto', threads: 0 });
    let accuracy: number | null = null;
    const { files } = await trainModel({ model: untrained, dataset }, config, engine, {
      phase: () => {},
      progress: (share) => onProgress(share, accuracy),
      metric: ({ name, value }) => {
        if (name === 'accuracy') accuracy = value;
      },
      warning: ({ message }) => console.warn(message),
      log: () => {},
    });
    for (const [name, bytes] of files) await writeFile(join(work, 'model', name), bytes);
    await rm(untrained, { recursive: true });
    await mkdir(dirname(folder), { recursive: true });
    await rename(work, folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return inputs;
}

/** Changes with the settings and with the code that draws and builds. */
async function cacheKey(): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(SETTINGS));
  for (const file of ['shapes.js', 'residual-net.js']) hash.update(await readFile(new URL(file, import.meta.url)));
  return hash.digest('hex').slice(0, 16);
}
