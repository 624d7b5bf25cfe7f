import type { JobResult } from '../../contract.js';
import { headlineOf } from '../measuring/headline.js';
import { resultWarnings } from '../measuring/verdict.js';
import { latencyMeasurement } from '../planning/latency.js';
import { measuresOf } from './baseline.js';
import { compareDelivered } from './deliver-latency.js';
import { stage } from './stage.js';
import type { Verified } from './verify.js';

export interface Evaluated extends Verified {
  readonly result: JobResult;
}

/** Measures what is delivered. Whoever cancels is waiting: the score of the epoch's end stands, and nothing is timed. */
export const evaluate = stage('evaluating', async (job, verified: Verified): Promise<Evaluated> => {
  const { engine, stopwatch, uploaded, delivered, written, original, equivalence, canceled, scorer } = verified;
  const { listener, stages, spec } = job;
  const { config } = spec;
  const score = canceled?.score ?? (await scorer.score(delivered));
  if (verified.delivers) stages.measure(verified.delivers, score);
  stages.add('exported', score);
  const hasData = verified.data !== undefined;
  const trained = stages.rows.some((row) => row.stage === 'finetuned' || row.stage === 'distilled');
  for (const warning of resultWarnings(stages.rows, { hasData, trained })) listener.warning(warning);
  const latency = canceled ? undefined : await compareDelivered(job, stopwatch, { original: uploaded, delivered });
  const measures = measuresOf({ graph: delivered, sizeBytes: written.sizeBytes }, config, score);
  const measured = {
    stages: stages.rows,
    baseline: { ...original, latency_ms: latency?.before.median ?? null },
    pruned: { ...measures, latency_ms: latency?.after.median ?? null },
  };
  const result: JobResult = {
    headline: headlineOf({ ...measured, target: config.target, hasData, canceled: canceled !== undefined }),
    ...measured,
    equivalence,
    engine: { name: engine.name, device: engine.device },
    latency: latency ? latencyMeasurement(latency) : null,
  };
  return { ...verified, result };
});
