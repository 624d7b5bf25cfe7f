/** Whole jobs on third-party ONNX models, without data: half of the MACs, certified, accepted by ONNX's own tools. */
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CPU_ENGINE } from '../engine/cpu-engine.js';
import { checkOnnxFile, hasChecker } from '../formats/onnx/checker.js';
import { expectSame, randomFeeds, run, runBytes } from '../formats/onnx/prune-file.js';
import { describeShared } from '../shared.js';
import { readOnnxBytes } from '../support/onnx-files.js';
import { runWholeJob } from '../support/whole-job.js';

describeShared('third-party ONNX models', 'models/onnx', (folder) => {
  describe.each(readdirSync(folder))('%s', (name) => {
    test('half of its MACs are pruned, certified, and the file is what onnxruntime and onnx.checker take', async () => {
      const file = readdirSync(join(folder, name)).find((f) => f.endsWith('.onnx'))!;
      const options = { engine: 'onnxruntime', threads: 2 } as const;
      const { result, artifacts, outDir } = await runWholeJob(
        join(folder, name, file),
        { target: { macs: 0.5 } },
        options,
      );
      const { baseline, pruned, equivalence } = result!;
      expect(pruned.macs / baseline.macs).toBeLessThanOrEqual(0.5);
      expect(pruned.macs / baseline.macs).toBeGreaterThan(0.4);
      expect(equivalence!.relative).toBeLessThan(1e-5);
      expect(equivalence!.engines).toMatchObject({ names: [CPU_ENGINE, 'onnxruntime'], delivered: 'file' });
      expect(artifacts.map((a) => a.name)).toEqual(['model.onnx', 'report.json']);

      const path = join(outDir, 'model.onnx');
      const bytes = new Uint8Array(await readFile(path));
      if (hasChecker) await checkOnnxFile(path);
      // What is read from the bytes computes what onnxruntime makes of the bytes themselves.
      const { graph } = await readOnnxBytes(bytes);
      const feeds = randomFeeds(graph, 1);
      const [ours, theirs] = [await run(graph, feeds), await runBytes(bytes, feeds)];
      expect([...ours.keys()]).toEqual([...theirs.keys()]);
      expectSame(ours, theirs, 9e-6);
    }, 200_000);
  });
});
