import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { seededRandom } from '../../../src/data/index.js';
import { openEngine } from '../../../src/engine/index.js';
import { lowerGraph } from '../../../src/engine/onnxruntime/lower-graph.js';
import { trainModel } from '../../../src/pipeline/index.js';
import { resolveConfig } from '../../../src/prune-config/index.js';
import { CACHE, IMAGES } from '../folders.js';
import type { Recipe } from './recipes.js';
import { SpentTime } from './spent-time.js';

/** What a training took, and what came out, beside the net. */
export interface TrainingRecord {
  /** On the images of `test/`, as a share. */
  readonly accuracy: number;
  /** Of CPU, of all its attempts. */
  readonly cpuSeconds: number;
}

export interface TrainedNet extends TrainingRecord {
  readonly path: string;
}

const SEED = 1;

/**
 * The net of a recipe: of the cache, or trained now. A training that was stopped goes on after its last epoch. The cache's key
 * changes with the recipe and with the net's weights at the start.
 * @param told hears how it goes, once an epoch
 */
export async function trainedNet(recipe: Recipe, told: (line: string) => void): Promise<TrainedNet> {
  const { model } = lowerGraph(recipe.build(seededRandom(SEED)));
  const input = { finetune: recipe.finetune, scaling: '1/255', seed: SEED };
  const key = createHash('sha256').update(model).update(JSON.stringify(input)).digest('hex').slice(0, 12);
  const folder = join(CACHE, 'nets', `${recipe.name}-${key}`);
  const at = (name: string) => join(folder, name);
  if (!existsSync(at('trained.json'))) {
    await mkdir(at('checkpoints'), { recursive: true });
    await writeFile(at('untrained.onnx'), model);
    const spent = new SpentTime(at('cpu-seconds'));
    const files = { model: at('untrained.onnx'), dataset: IMAGES, checkpoints: at('checkpoints') };
    const config = resolveConfig(input, { hasDataset: true });
    const engine = await openEngine({ engine: 'auto', threads: 0 });
    const { files: trained, score } = await trainModel(files, config, engine, {
      phase: () => {},
      progress: () => {},
      metric: ({ name, value, epoch }) => {
        if (name !== 'accuracy') return;
        spent.save();
        told(`${recipe.name}, epoch ${Number(epoch) + 1}: accuracy ${(100 * value).toFixed(2)} %`);
      },
      warning: ({ message }) => told(message),
      log: () => {},
    });
    for (const bytes of trained.values()) await writeFile(at('trained.onnx'), bytes);
    const record: TrainingRecord = { accuracy: score.accuracy!, cpuSeconds: spent.save() };
    await writeFile(at('trained.json.part'), JSON.stringify(record));
    await rename(at('trained.json.part'), at('trained.json'));
    await rm(at('checkpoints'), { recursive: true });
  }
  const record = JSON.parse(await readFile(at('trained.json'), 'utf8')) as TrainingRecord;
  return { path: at('trained.onnx'), ...record };
}
