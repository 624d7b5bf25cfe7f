import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { JobOutcome, JobSpec } from '../../src/contract.js';
import { runJob } from '../../src/pipeline/index.js';
import { resolveConfig } from '../../src/prune-config/index.js';

const NOBODY = { phase() {}, progress() {}, metric() {}, warning() {}, log() {} };

/**
 * Runs a job on a model as it lies on disk, in this process, with nobody listening. Without data nothing is recovered unless the config
 * asks for it: what files hold doesn't hang on which numbers weights are.
 */
export async function runWholeJob(
  path: string,
  config: object,
  { data, engine, threads }: Pick<JobSpec, 'engine' | 'threads'> & { readonly data?: string },
): Promise<JobOutcome & { readonly outDir: string }> {
  const upload = (at: string) => ({ path: at, name: basename(at), sha256: basename(at) });
  const outDir = await mkdtemp(join(tmpdir(), 'espalier-out-'));
  const spec: JobSpec = {
    jobId: 'job_1',
    model: upload(path),
    ...(data === undefined ? {} : { dataset: upload(data) }),
    config: resolveConfig(
      { ...(data === undefined ? { recovery: { method: 'none' } } : {}), ...config },
      { hasDataset: data !== undefined },
    ),
    outDir,
    checkpointDir: await mkdtemp(join(tmpdir(), 'espalier-checkpoint-')),
    engine,
    threads,
  };
  return { ...(await runJob(spec, NOBODY, new AbortController().signal)), outDir };
}
