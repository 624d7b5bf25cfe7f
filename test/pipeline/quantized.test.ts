/** Jobs on models whose files hold quantized weights. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type JobBench, openJobBench, smallClassifier } from '../support/job-bench.js';
import { type QuantizedType, quantizedFiles } from '../support/quantized-files.js';
import { modelFiles, useCpu } from '../support/tfjs.js';

const FINETUNE = { epochs: 2, batch_size: 32, optimizer: { type: 'adam', learning_rate: 0.01 } };

/** Largest effect of the rounding of trained weights on the outputs, as a share of the largest one. */
const CASES: readonly (readonly [QuantizedType, number])[] = [
  ['float16', 5e-3],
  ['uint16', 5e-3],
  ['uint8', 0.3],
];

describe.each(CASES)('weights quantized to %s', (dtype, most) => {
  let bench: JobBench;
  beforeAll(async () => {
    await useCpu();
    const model = smallClassifier();
    bench = await openJobBench(model, { train: 128, validation: 50 });
    for (const [name, bytes] of quantizedFiles(await modelFiles(model), dtype)) {
      await writeFile(join(bench.modelPath, name), bytes);
    }
  });

  test('untrained, keep their codes: nothing is lost by writing them', async () => {
    const { outcome } = await bench.run({ target: { macs: 0.5 } }, { data: false });
    expect(outcome.result!.equivalence).toMatchObject({ ok: true, quantization_error: 0 });
    expect(outcome.result!.equivalence!.relative).toBeLessThan(1e-5);
  });

  test('trained, are certified before they are rounded, and the rounding is reported', async () => {
    const { outcome, outDir } = await bench.run({ target: { macs: 0.5 }, finetune: FINETUNE });
    const { equivalence, baseline, pruned } = outcome.result!;
    expect(outcome.status).toBe('succeeded');
    expect(equivalence!.relative).toBeLessThan(1e-5);
    expect(equivalence!.quantization_error).toBeGreaterThan(1e-6);
    expect(equivalence!.quantization_error).toBeLessThan(most);
    expect(pruned.size_bytes).toBeLessThan(baseline.size_bytes);
    const { summary } = JSON.parse(await readFile(join(outDir, 'report.json'), 'utf8'));
    expect(summary.equivalence).toEqual(equivalence);
  });
});

test('a file of plain weights has no quantization error to report', async () => {
  await useCpu();
  const bench = await openJobBench(smallClassifier(), { train: 2, validation: 2 });
  const { outcome } = await bench.run({ target: { macs: 0.5 } }, { data: false });
  expect(outcome.result!.equivalence).not.toHaveProperty('quantization_error');
});
