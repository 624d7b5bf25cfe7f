/** Whole jobs on third-party ONNX models, without data: half of the MACs, certified, accepted by ONNX's own tools. */

import { readdirSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { openEngine } from '../../src/engine/index.js';
import { getSpec } from '../../src/graph/graph.js';
import { tensor } from '../../src/graph/tensor.js';
import { runJob } from '../../src/pipeline/index.js';
import { readModel } from '../../src/pipeline/open-model.js';
import { resolveConfig } from '../../src/prune-config/index.js';
import { relativeError } from '../engine/agreement.js';
import { CPU_ENGINE } from '../engine/cpu-engine.js';
import { checkOnnxFile, hasChecker } from '../formats/onnx/checker.js';
import { describeShared } from '../shared.js';

const LISTENER = { phase() {}, progress() {}, metric() {}, warning() {}, log() {} };

describeShared('third-party ONNX models', 'models/onnx', (folder) => {
  describe.each(readdirSync(folder))('%s', (name) => {
    test('half of its MACs are pruned, certified, and the file is what onnxruntime and onnx.checker take', async () => {
      const file = readdirSync(join(folder, name)).find((f) => f.endsWith('.onnx'))!;
      const outDir = await mkdtemp(join(tmpdir(), 'espalier-onnx-'));
      const outcome = await runJob(
        {
          jobId: 'job_1',
          model: { path: join(folder, name, file), name: file, sha256: name },
          config: resolveConfig({ target: { macs: 0.5 } }, { hasDataset: false }),
          outDir,
          checkpointDir: await mkdtemp(join(tmpdir(), 'espalier-checkpoint-')),
          engine: 'onnxruntime',
          threads: 2,
        },
        LISTENER,
        new AbortController().signal,
      );
      const { baseline, pruned, equivalence } = outcome.result!;
      console.log(
        name,
        pruned.macs / baseline.macs,
        equivalence,
        pruned.latency_ms,
        baseline.latency_ms,
        outcome.warnings,
      );
      expect(pruned.macs / baseline.macs).toBeLessThanOrEqual(0.5);
      expect(pruned.macs / baseline.macs).toBeGreaterThan(0.4);
      expect(equivalence!.relative).toBeLessThan(1e-5);
      expect(equivalence!.engines).toMatchObject({ names: [CPU_ENGINE, 'onnxruntime'], delivered: 'file' });
      expect(outcome.artifacts.map((a) => a.name)).toEqual(['model.onnx', 'report.json']);

      const path = join(outDir, 'model.onnx');
      const bytes = new Uint8Array(await readFile(path));
      if (hasChecker) checkOnnxFile(path);
      await expectSameAsOnnxRuntime(bytes);
    }, 200_000);
  });
});

/** The graph that is read from the bytes computes what onnxruntime makes of the bytes themselves. */
async function expectSameAsOnnxRuntime(bytes: Uint8Array): Promise<void> {
  const { graph } = await readModel(new Map([['model.onnx', bytes]]));
  const feeds = new Map(
    graph.inputs.map((id) => {
      const shape = getSpec(graph, id).shape.map((d) => (typeof d === 'number' ? d : 1));
      const size = shape.reduce((n, d) => n * d, 1);
      return [
        id,
        tensor(
          'float32',
          shape,
          Float32Array.from({ length: size }, (_, i) => ((i * 37) % 97) / 97),
        ),
      ];
    }),
  );
  const compiled = await (await openEngine({ engine: 'onnxruntime', threads: 2 })).compile(graph);
  const ours = await compiled.run(feeds);
  await compiled.release();
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const theirs = await session.run(
    Object.fromEntries([...feeds].map(([id, t]) => [id, new ort.Tensor('float32', t.data as Float32Array, t.shape)])),
  );
  expect([...ours.keys()]).toEqual([...session.outputNames]);
  for (const [output, found] of ours) {
    expect([...found.shape]).toEqual([...theirs[output].dims]);
    const error = relativeError(found.data as Float32Array, theirs[output].data as Float32Array);
    expect(error, output).toBeLessThan(1e-5);
  }
  await session.release();
}
