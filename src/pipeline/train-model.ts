import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import type { JobListener } from '../contract.js';
import type { Engine } from '../engine/engine.js';
import type { Graph } from '../graph/graph.js';
import type { PruneConfig } from '../prune-config/resolved.js';
import { ChannelMutator } from '../pruning/index.js';
import { VERSION } from '../version.js';
import { openJobData } from './feeding/job-data.js';
import { Scorer } from './measuring/scorer.js';
import { StageLog } from './measuring/stage-log.js';
import { openModel } from './open-model.js';
import { findCheckpoint, saveCheckpoint } from './training/checkpoint.js';
import type { Evaluation } from './training/evaluation.js';
import { SubnetTrainer } from './training/subnet-trainer.js';
import { reportScore } from './training/training-report.js';

export interface TrainFiles {
  readonly model: string;
  readonly dataset: string;
  /** A folder of this training's own: the end of each epoch is written there, and the same training goes on from it. */
  readonly checkpoints?: string;
}

/**
 * Trains a model as it is, without pruning, by the `finetune` part of a config.
 * @returns the model's files with the trained weights, and its score on the validation part after the last epoch
 * @throws EspalierError CONFIG_INVALID when the config says not to train
 */
export async function trainModel(
  files: TrainFiles,
  config: PruneConfig,
  engine: Engine,
  listener: JobListener,
): Promise<{ files: Map<string, Uint8Array>; score: Evaluation }> {
  const { seed } = config;
  if (!config.finetune) throw new Error('trainModel needs a config with finetune');
  const opened = await openModel(files.model, basename(files.model));
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(opened.model.graph);
  const dataset = { path: files.dataset, name: basename(files.dataset), sha256: '' };
  // What knows nothing yet has nothing to teach.
  const unrecovered = { ...config, recovery: { ...config.recovery, method: 'none' as const } };
  const data = await openJobData(dataset, opened.model.graph, unrecovered, engine, listener);
  const finetune = data.finetune!;
  const folder = files.checkpoints;
  const fingerprint = folder === undefined ? '' : await trainingFingerprint(opened.model.graph, files.dataset, config);
  const checkpoint =
    folder === undefined ? undefined : await findCheckpoint(folder, fingerprint, (message) => listener.log(message));
  if (checkpoint) mutator.setWeights(checkpoint.constants);
  let score: Evaluation = checkpoint?.score ?? { accuracy: null, loss: Number.POSITIVE_INFINITY, metrics: [] };
  const trainer: SubnetTrainer = new SubnetTrainer(
    {
      engine,
      mutator,
      data,
      scorer: new Scorer(engine, data, data.validation),
      finetune,
      seed,
      listener,
      onProgress: (share) => listener.progress(share),
      onPruned: async () => undefined,
      onEpochEnd: async (epoch, scored) => {
        score = scored;
        reportScore(listener, score, epoch);
        if (folder === undefined) return;
        await saveCheckpoint(folder, {
          fingerprint,
          epoch: epoch + 1,
          ...trainer.state,
          masks: mutator.state,
          schedule: [],
          importances: {},
          stages: new StageLog().state,
          warnings: [],
          constants: mutator.weights,
        });
      },
    },
    checkpoint,
  );
  try {
    for (let epoch = checkpoint?.epoch ?? 0; epoch < finetune.epochs; epoch++) {
      await trainer.train({ epoch, from: 0, to: trainer.iterationsPerEpoch, endsEpoch: true }, undefined);
    }
    trainer.finish();
    return { files: await opened.model.write(mutator.exportSubnet().graph), score };
  } finally {
    await trainer.release();
    await data.close();
    await opened.close();
  }
}

async function trainingFingerprint({ constants }: Graph, dataset: string, config: PruneConfig): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([VERSION, config]));
  for await (const bytes of createReadStream(dataset)) hash.update(bytes);
  for (const [id, { tensor }] of constants) {
    const { buffer, byteOffset, byteLength } = tensor.data;
    hash.update(`\n${id}\n`).update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}
