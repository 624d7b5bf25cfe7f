import type { JobResult } from '../../contract.js';
import { latencyMeasurement } from '../planning/latency.js';
import { measureModel } from './baseline.js';
import { compareDelivered } from './deliver-latency.js';
import { stage } from './stage.js';
import type { Verified } from './verify.js';

export interface Evaluated extends Verified {
  readonly result: JobResult;
}

/** Measures what is delivered. Whoever cancels is waiting: the score of the epoch's end stands, and nothing is timed. */
export const evaluate = stage('evaluating', async (job, verified: Verified): Promise<Evaluated> => {
  const { engine, stopwatch, graph, delivered, written, original, equivalence, canceled } = verified;
  const { config } = job.spec;
  const data = canceled?.score ? undefined : verified.data;
  const measures = await measureModel({ engine, graph: delivered, sizeBytes: written.sizeBytes, data }, config);
  const latency = canceled ? undefined : await compareDelivered(job, stopwatch, { original: graph, delivered });
  const result: JobResult = {
    baseline: { ...original, latency_ms: latency?.before.median ?? null },
    pruned: { ...measures, ...canceled?.score, latency_ms: latency?.after.median ?? null },
    equivalence,
    engine: { name: engine.name, device: engine.device },
    latency: latency ? latencyMeasurement(latency) : null,
  };
  return { ...verified, result };
});
