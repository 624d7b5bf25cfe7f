import type { Control, ControlRow } from '../../contract.js';
import { EspalierError } from '../../errors.js';
import type { Tensor } from '../../graph/tensor.js';
import type { ChannelMutator, PruneStep } from '../../pruning/index.js';
import { freshWeights } from '../controls/fresh-weights.js';
import { maskedMutator, randomMasks } from '../controls/random-channels.js';
import type { SettledFinetune } from '../feeding/settle-finetune.js';
import { fingerprintOf } from '../fingerprint.js';
import { findRecord, keepRecord } from '../kept-record.js';
import type { Score } from '../measuring/score.js';
import { processBudget } from '../training/micro-batch.js';
import { SubnetTrainer } from '../training/subnet-trainer.js';
import type { Evaluated } from './evaluate.js';
import { recoverSubnet } from './recover.js';
import type { Job } from './stage.js';

/** Fresh weights need larger steps than recovered ones. */
const LEAST_RATE_FROM_SCRATCH = 0.01;

/** All prune steps at once. */
const ONLY_STEP: PruneStep = { step: 0, pruneTimes: 1, epoch: 0, iteration: 0, by: 'epoch', choices: {} };

/** The controls that were run, by an earlier attempt too: none of them is run again. */
interface Ran {
  readonly rows: readonly ControlRow[];
}

const RAN = 'controls.json';

/**
 * Runs what the delivered model is to be held against: networks of its widths. It has been written, and stays as it is. A
 * cancel ends them, and leaves those that were run to their end.
 */
export async function runControls(job: Job, evaluated: Evaluated): Promise<Evaluated> {
  const { spec, signal, progress, listener } = job;
  const { controls } = spec.config;
  if (controls.length === 0 || evaluated.canceled) return evaluated;
  const fingerprint = fingerprintOf(spec);
  let rows = (await findRecord<Ran>(spec.checkpointDir, RAN, fingerprint))?.rows ?? [];
  const told = (): Evaluated => ({ ...evaluated, result: { ...evaluated.result, controls: rows } });
  for (const [i, control] of controls.entries()) {
    if (rows.some((row) => row.control === control)) continue;
    try {
      const score = await RUN[control](job, evaluated, (share) => progress.controls((i + share) / controls.length));
      if (!score) continue;
      const { accuracy, loss, agreement, samples, interval } = score;
      rows = [...rows, { control, accuracy, loss, agreement, samples, interval }];
      listener.log(`control ${control}`, { accuracy, loss, agreement });
      await keepRecord(spec.checkpointDir, RAN, fingerprint, { rows } satisfies Ran);
    } catch (error) {
      if (signal.aborted && error === signal.reason) return { ...told(), canceled: { score: undefined } };
      if (!(error instanceof EspalierError)) throw error;
      // The model that was asked for is delivered: what it would have been held against is no reason to take it away.
      listener.warning({ code: 'CONTROL_FAILED', message: `control ${control}: ${error.message}` });
    }
  }
  return told();
}

type Run = (job: Job, evaluated: Evaluated, onProgress: (share: number) => void) => Promise<Score | undefined>;

const RUN: Readonly<Record<Control, Run>> = {
  random: async (job, evaluated, onProgress) => {
    const { graph, algorithm } = evaluated;
    const { config } = job.spec;
    const mutator = maskedMutator(graph, config, randomMasks(algorithm.mutator.state, config.seed));
    const recover = async () => {
      const subject = { ...evaluated, algorithm: { mutator } };
      return (await recoverSubnet(job, subject, true))?.weights ?? new Map<string, Tensor>();
    };
    return train(job, evaluated, mutator, { recover, keepsStart: config.recovery.method !== 'none' }, onProgress);
  },
  scratch: async (job, evaluated, onProgress) => {
    const { graph, algorithm, data } = evaluated;
    const { config } = job.spec;
    // Untrained, it knows nothing: that needs no measuring.
    if (!data?.finetune) return undefined;
    const mutator = maskedMutator(graph, config, algorithm.mutator.state);
    mutator.setWeights(freshWeights(graph, config.seed));
    return train(job, evaluated, mutator, { fromScratch: true }, onProgress);
  },
};

interface Way {
  /** Sets weights before training. */
  recover?(): Promise<ReadonlyMap<string, Tensor>>;
  /** Whether what training starts from may be what is measured. */
  readonly keepsStart?: boolean;
  /** Whether weights, and statistics, know nothing yet. */
  readonly fromScratch?: boolean;
}

function startingOver({ optimizer, ...finetune }: SettledFinetune): SettledFinetune {
  const { type, learning_rate: rate } = optimizer;
  const learning_rate = type === 'sgd' ? Math.max(rate, LEAST_RATE_FROM_SCRATCH) : rate;
  return { ...finetune, optimizer: { ...optimizer, learning_rate }, keepsStatistics: false };
}

/** Trains what a mutator's masks leave as the delivered model was trained, after its last prune step. */
async function train(
  { spec, signal, listener }: Job,
  { engine, data, scorer, judge }: Evaluated,
  mutator: ChannelMutator,
  { recover, keepsStart = false, fromScratch = false }: Way,
  onProgress: (share: number) => void,
): Promise<Score> {
  if (!data?.scored || !data.finetune) {
    if (recover) mutator.setWeights(await recover());
    return scorer.score(mutator.exportSubnet().graph, signal);
  }
  const finetune = fromScratch ? startingOver(data.finetune) : data.finetune;
  const trainer: SubnetTrainer = new SubnetTrainer({
    ...{ engine, mutator, data, scorer: judge, finetune, onProgress },
    seed: spec.config.seed,
    // What is told of metrics and of parts of batches is the delivered model's.
    listener: { metric: () => {}, warning: () => {}, log: listener.log },
    budget: processBudget(spec.memoryBytes),
    onPruned: async () => {
      if (recover) trainer.takeWeights(await recover());
      return keepsStart ? trainer.evaluate(signal) : undefined;
    },
    onEpochEnd: async () => {},
  });
  try {
    await trainer.prune(ONLY_STEP);
    for (let epoch = 0; epoch < finetune.epochs; epoch++) {
      await trainer.train({ epoch, from: 0, to: trainer.iterationsPerEpoch, endsEpoch: true }, signal);
    }
    trainer.finish();
    return await scorer.score(mutator.exportSubnet().graph, signal);
  } finally {
    await trainer.release();
  }
}
