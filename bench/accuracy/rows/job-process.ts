/** One job in a process of its own, so that what it takes can be told: `node job-process.js ORDER.json`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { JobListener } from '../../../src/contract.js';
import { EspalierError } from '../../../src/errors.js';
import { runJob } from '../../../src/pipeline/index.js';
import { resolveConfig } from '../../../src/prune-config/index.js';
import type { JobAnswer, JobOrder } from './job-order.js';

const SILENT: JobListener = { phase() {}, progress() {}, metric() {}, warning() {}, log() {} };

const order = JSON.parse(readFileSync(process.argv[2], 'utf8')) as JobOrder;
const start = performance.now();
const found = await run(order);
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
const answer: JobAnswer = {
  ...found,
  costs: {
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    seconds: (performance.now() - start) / 1000,
    peakBytes: maxRSS * 1024,
  },
};
writeFileSync(order.answerPath, JSON.stringify(answer));
// Engines may keep threads that wait for work.
process.exit();

async function run({ model, dataset, config, outDir, checkpointDir, threads }: JobOrder) {
  const upload = (path: string) => ({ path, name: basename(path), sha256: basename(path) });
  try {
    const { result, artifacts, warnings } = await runJob(
      {
        jobId: 'job_accuracy',
        model: upload(model),
        ...(dataset === undefined ? {} : { dataset: upload(dataset) }),
        config: resolveConfig(config, { hasDataset: dataset !== undefined }),
        outDir,
        checkpointDir,
        engine: 'auto',
        threads,
      },
      SILENT,
      new AbortController().signal,
    );
    const { stages, headline, baseline, pruned, equivalence } = result!;
    return {
      job: {
        stages,
        headline,
        warnings: [...new Set(warnings.map(({ code }) => code))],
        macsShare: pruned.macs / baseline.macs,
        equivalent: equivalence?.ok === true,
      },
      delivered: artifacts.find(({ name }) => name.startsWith('model'))!.name,
    };
  } catch (error) {
    if (!(error instanceof EspalierError) || error.retryable) throw error;
    return { refused: { code: error.code, message: error.message } };
  }
}
