import type { JobListener } from '../contract.js';
import type { Engine } from '../engine/engine.js';
import type { PruneConfig } from '../prune-config/resolved.js';
import { ChannelMutator } from '../pruning/index.js';
import { openJobData } from './feeding/job-data.js';
import { Scorer } from './measuring/scorer.js';
import { openModel } from './open-model.js';
import type { Evaluation } from './training/evaluation.js';
import { SubnetTrainer } from './training/subnet-trainer.js';
import { reportScore } from './training/training-report.js';

/**
 * Trains a model as it is, without pruning, by the `finetune` part of a config.
 * @returns the model's files with the trained weights, and its score on the validation part after the last epoch
 * @throws EspalierError CONFIG_INVALID when the config says not to train
 */
export async function trainModel(
  files: { readonly model: string; readonly dataset: string },
  config: PruneConfig,
  engine: Engine,
  listener: JobListener,
): Promise<{ files: Map<string, Uint8Array>; score: Evaluation }> {
  const { seed } = config;
  if (!config.finetune) throw new Error('trainModel needs a config with finetune');
  const opened = await openModel(files.model, 'model');
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(opened.model.graph);
  const dataset = { path: files.dataset, name: 'data.npz', sha256: '' };
  // What knows nothing yet has nothing to teach.
  const unrecovered = { ...config, recovery: { ...config.recovery, method: 'none' as const } };
  const data = await openJobData(dataset, opened.model.graph, unrecovered, engine, listener);
  const finetune = data.finetune!;
  let score: Evaluation = { accuracy: null, loss: Number.POSITIVE_INFINITY, metrics: [] };
  const trainer: SubnetTrainer = new SubnetTrainer({
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
    },
  });
  try {
    for (let epoch = 0; epoch < finetune.epochs; epoch++) {
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
