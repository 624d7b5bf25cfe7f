/** The certificate holds on third-party cases, which other engines, exporters and types are in. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { JobSpec } from '../../../src/contract.js';
import { CPU_ENGINE } from '../../engine/cpu-engine.js';
import { describeShared } from '../../shared.js';
import { runWholeJob } from '../../support/whole-job.js';

const FILES = [
  'd34_mask_onehot_last.onnx',
  'd36_onehot_first.onnx',
  'd37_onehot_last_logits.onnx',
  'k11d_fp16_cast_mild.onnx',
  'w_recursive_bn_ft.onnx',
  'torch_mha.onnx',
  'torch_mha_dyn.onnx',
  'tv-convnext_tiny--d.onnx',
  'E-separate-qk.onnx',
  'dfl.onnx',
  'pad-bool.onnx',
  'gate-320x8.onnx',
  'D7-grn-320-rand.onnx',
];

async function run(path: string, engine: JobSpec['engine'] = 'auto') {
  const config = { algorithm: { target_pruning_ratio: 0.5 } };
  const { result } = await runWholeJob(path, config, { engine, threads: 1 });
  return result!.equivalence!;
}

describeShared('third-party cases', 'cases', (folder) => {
  test.each(FILES)(
    '%s',
    async (name) => {
      const { ok, relative, limit, engines } = await run(join(folder, name));
      expect(ok).toBe(true);
      expect(relative).toBeLessThan(1e-5);
      expect(limit).toBe(1e-4);
      expect(engines).toMatchObject({ names: [CPU_ENGINE, 'onnxruntime'], delivered: 'file' });
    },
    60_000,
  );

  test.each(['auto', 'onnxruntime'] as const)(
    'rank9.onnx, which only onnxruntime holds, on %s',
    async (engine) => {
      const { ok, engines } = await run(join(folder, 'rank9.onnx'), engine);
      expect(ok).toBe(true);
      expect(engines).toMatchObject({ names: ['onnxruntime', 'onnxruntime'], delivered: 'file' });
    },
    60_000,
  );

  test('embedding-small: indices lie within the table', async () => {
    const { ok, relative } = await run(join(folder, 'embedding-small'));
    expect(ok).toBe(true);
    expect(relative).toBeLessThan(1e-5);
  }, 60_000);
});
