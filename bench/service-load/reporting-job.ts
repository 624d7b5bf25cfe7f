/** A job's child that reports as one that trains does (steps of 20 ms, epochs of a second), and takes no processor. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobRunner } from '../../src/contract.js';
import { serveJob } from '../../workers/serve-job.js';

const STEP_MS = 20;
const STEPS_OF_EPOCH = 50;

/** It ends when its worker is stopped. */
const EPOCHS = 3600;

const run: JobRunner = async (_spec, listener, signal) => {
  listener.phase('finetuning');
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    for (let step = 0; step < STEPS_OF_EPOCH; step++) {
      await sleep(STEP_MS, undefined, { signal });
      listener.progress((epoch + step / STEPS_OF_EPOCH) / EPOCHS);
    }
    for (const name of ['train_loss', 'train_accuracy', 'loss', 'accuracy']) {
      listener.metric({ name, value: 1 / (epoch + 1), epoch, step: (epoch + 1) * STEPS_OF_EPOCH });
    }
  }
  return { status: 'canceled', result: null, artifacts: [], warnings: [] };
};

serveJob(run);
