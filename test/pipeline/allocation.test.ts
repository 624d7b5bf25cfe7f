import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeNpz } from '../../examples/write-npz.js';
import { planTrials } from '../../src/pipeline/planning/sensitivities.js';
import { type JobBench, openJobBench, smallClassifier } from '../support/job-bench.js';
import { seededRandom } from '../support/seeded-random.js';
import { useCpu } from '../support/tfjs.js';

let bench: JobBench;
beforeAll(async () => {
  await useCpu();
  bench = await openJobBench(smallClassifier(), { train: 128, validation: 60 });
});

const BASE = { target: { macs: 0.5 }, finetune: false } as const;

async function reportOf(config: object, options: Parameters<JobBench['run']>[1] = {}) {
  const { outDir, outcome, recording } = await bench.run({ ...BASE, ...config }, options);
  expect(outcome.result!.pruned.macs / outcome.result!.baseline.macs).toBeLessThanOrEqual(0.5);
  const { schedule, units } = JSON.parse(await readFile(join(outDir, 'report.json'), 'utf8'));
  const criteria = units.map((unit: { importance: { criterion: string } }) => unit.importance.criterion);
  return { choices: Object.values<number>(schedule[0].choices), criteria, progress: recording.progress };
}

test('with samples, channels and widths go by them, the same way again', async () => {
  const { choices, criteria, progress } = await reportOf({});
  expect(criteria).toEqual(['obs', 'obs']);
  expect(progress).toEqual([...progress].sort((a, b) => a - b));
  expect((await reportOf({ allocation: 'sensitivity' })).choices).toEqual(choices);
  expect((await reportOf({ allocation: 'global' })).choices).not.toEqual(choices);
});

test('uniform widths are of one share', async () => {
  const { choices } = await reportOf({ allocation: 'uniform' });
  expect(Math.abs(choices[0] - choices[1])).toBeLessThan(0.13);
});

test('without samples channels go by their weights, widths by importance', async () => {
  const none = { recovery: { method: 'none' } };
  const { choices, criteria } = await reportOf(none, { data: false });
  expect(criteria).toEqual(['l1', 'l1']);
  expect((await reportOf({ ...none, allocation: 'global' }, { data: false })).choices).toEqual(choices);
});

test('L1ChannelUnit, named, goes by weights where there are samples, too', async () => {
  const algorithm = { mutator_cfg: { channel_unit_cfg: { type: 'L1ChannelUnit' } } };
  expect((await reportOf({ algorithm })).criteria).toEqual(['l1', 'l1']);
});

describe('samples that are noise', () => {
  const noiseIn = async (folder: string): Promise<string> => {
    const random = seededRandom(5);
    const uint8 = (shape: number[]) => ({
      dtype: 'uint8' as const,
      shape,
      data: Uint8Array.from({ length: shape.reduce((a, b) => a * b) }, () => 256 * random()),
    });
    const path = join(folder, 'noise.npz');
    await writeNpz(path, { x_train: uint8([64, 24, 24, 1]), x_test: uint8([32, 24, 24, 1]) });
    return path;
  };

  test('are left aside, and that is told', async () => {
    const { outcome, outDir } = await bench.run(BASE, { dataPath: await noiseIn(bench.folder) });
    expect(outcome.warnings.map(({ code }) => code)).toContain('SAMPLES_ARE_NOISE');
    expect(outcome.result!.stages.map(({ stage }) => stage)).not.toContain('recovered');
    const { units } = JSON.parse(await readFile(join(outDir, 'report.json'), 'utf8'));
    expect(units[0].importance.criterion).toBe('l1');
  });

  test('teach nothing that nobody asked for', async () => {
    const dataPath = await noiseIn(bench.folder);
    const stagesOf = async (config: object) => {
      const { outcome } = await bench.run({ target: BASE.target, ...config }, { dataPath });
      return [outcome.warnings.map(({ code }) => code), outcome.result!.stages.map(({ stage }) => stage)];
    };
    const [codes, stages] = await stagesOf({});
    expect(codes).toContain('NOT_TRAINED');
    expect(stages).not.toContain('distilled');
    const [told, trained] = await stagesOf({ finetune: { epochs: 1 } });
    expect(told).not.toContain('NOT_TRAINED');
    expect(trained).toContain('distilled');
  });

  test('are gone by where a method is named', async () => {
    const config = { ...BASE, recovery: { method: 'least_squares' } };
    const { outcome, outDir } = await bench.run(config, { dataPath: await noiseIn(bench.folder) });
    expect(outcome.warnings.map(({ code }) => code)).toContain('SAMPLES_ARE_NOISE');
    const { schedule } = JSON.parse(await readFile(join(outDir, 'report.json'), 'utf8'));
    expect(schedule[0].recovery.samples).toBe(64);
  });
});

describe('how finely units are tried', () => {
  test('small networks at all shares, with all samples that help', () => {
    expect(planTrials(12, 2e7, 1000)).toEqual({ samples: 128, shares: expect.objectContaining({ length: 4 }) });
    expect(planTrials(2, 1e5, 20)).toEqual({ samples: 20, shares: expect.objectContaining({ length: 4 }) });
  });

  test('larger ones with fewer samples, then at fewer shares', () => {
    expect(planTrials(30, 1e8, 1000)!.samples).toBeLessThan(128);
    expect(planTrials(40, 4e9, 1000)).toEqual({ samples: 8, shares: [0.5, 0.25, 0.75] });
  });

  test('none where that is too much still', () => {
    expect(planTrials(200, 1e11, 1000)).toBeUndefined();
  });
});

describe('a job that goes on', () => {
  const RANKED = /are ranked by samples/;
  const config = { ...BASE, seed: 3 };
  const runIn = (checkpointDir: string, own: object = config) => bench.run(own, { checkpointDir });
  const hasRanked = ({ recording }: { recording: { logs: string[] } }) =>
    recording.logs.some((line) => RANKED.test(line));

  test('keeps what it has chosen, and does not measure again', async () => {
    const checkpointDir = await mkdtemp(join(bench.folder, 'kept-'));
    const first = await runIn(checkpointDir);
    expect(hasRanked(first)).toBe(true);
    const again = await runIn(checkpointDir);
    expect(hasRanked(again)).toBe(false);
    const bytes = ({ outDir }: { outDir: string }) => readFile(join(outDir, 'model.zip'));
    expect((await bytes(again)).equals(await bytes(first))).toBe(true);
    expect(hasRanked(await runIn(checkpointDir, { ...config, seed: 4 }))).toBe(true);
  });

  test.each([
    ['is cut off', (text: string) => text.slice(0, text.length / 2)],
    ['has another number', (text: string) => text.replace(/(\d)(?=\D*$)/, (d) => String((Number(d) + 1) % 10))],
    ['is no object', () => 'null'],
  ])('measures again where the file %s', async (_what, damage) => {
    const checkpointDir = await mkdtemp(join(bench.folder, 'kept-'));
    await runIn(checkpointDir);
    const path = join(checkpointDir, 'choices.json');
    await writeFile(path, damage(await readFile(path, 'utf8')));
    expect(hasRanked(await runIn(checkpointDir))).toBe(true);
  });
});
