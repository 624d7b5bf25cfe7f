/**
 * A latency target, from the job to the file: prunes a model to a share of its latency and times the written file against
 * the original in a fresh process. Usage: node dist/bench/latency-target.js [folder of a LayersModel | resnet18] [share]
 */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveLayersModel } from '../examples/residual-net.js';
import { openEngine } from '../src/engine/index.js';
import { runJob } from '../src/pipeline/index.js';
import { openModel } from '../src/pipeline/open-model.js';
import { compareLatency } from '../src/pipeline/planning/latency.js';
import { resolveConfig } from '../src/prune-config/index.js';
import { buildResNet18 } from './resnet18.js';

const [model = 'resnet18', share = '0.6', pruned] = process.argv.slice(2);

if (pruned !== undefined) {
  const engine = await openEngine({ engine: 'onnxruntime', threads: 0 });
  const [a, b] = [await openModel(model, 'a'), await openModel(pruned, 'b')];
  const { before, after, share: measured } = await compareLatency(engine, a.model.graph, b.model.graph);
  const off = (100 * (measured.median / Number(share) - 1)).toFixed(1);
  console.log(
    `fresh process, ${engine.threads} threads: ${before.median.toFixed(2)} → ${after.median.toFixed(2)} ms, a share of ${measured.median.toFixed(3)}: ${off} % off ${share}`,
  );
} else {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
  try {
    const path = model === 'resnet18' ? join(folder, 'model') : model;
    if (model === 'resnet18') await saveLayersModel(buildResNet18(), path);
    const outDir = join(folder, 'out');
    const checkpointDir = join(folder, 'checkpoints');
    for (const each of [outDir, checkpointDir]) await mkdir(each);
    const start = performance.now();
    const { result } = await runJob(
      {
        jobId: 'job_bench',
        model: { path, name: 'model', sha256: '' },
        config: resolveConfig({ target: { latency: Number(share) } }, { hasDataset: false }),
        outDir,
        checkpointDir,
        engine: 'onnxruntime',
        threads: 0,
      },
      {
        phase: () => {},
        progress: () => {},
        metric: () => {},
        warning: ({ code, message }) => console.log(`warning ${code}: ${message}`),
        log: () => {},
      },
      new AbortController().signal,
    );
    const { baseline, pruned: after } = result!;
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    console.log(
      `job, ${seconds} s: ${baseline.latency_ms!.toFixed(2)} → ${after.latency_ms!.toFixed(2)} ms, MACs share ${(after.macs / baseline.macs).toFixed(3)}`,
    );
    const self = process.argv[1];
    process.stdout.write(execFileSync(process.execPath, [self, path, share, join(outDir, 'model.zip')]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
