import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadParts } from '../../src/pipeline/index.js';
import { BUILT_IN_PARTS, type PartRows, resolveConfig } from '../../src/prune-config/index.js';
import { faultOf } from '../support/fault-of.js';
import { type JobBench, openJobBench, smallClassifier } from '../support/job-bench.js';
import { useCpu } from '../support/tfjs.js';

const PLUGIN = resolve(import.meta.dirname, '../../examples/plugins/geometric-median.ts');
const FIRST = 'conv1_(0, 8)_8';

let bench: JobBench;

beforeAll(async () => {
  await useCpu();
  bench = await openJobBench(smallClassifier(), { train: 128, validation: 40 });
});

/** A module with this source, in a folder of its own. */
async function moduleOf(source: string): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'espalier-plugin-')), 'plugin.mjs');
  await writeFile(path, source);
  return path;
}

const namesOf = (parts: PartRows): Record<keyof PartRows, string[]> =>
  Object.fromEntries(Object.entries(parts).map(([list, rows]) => [list, rows.map(({ name }) => name)])) as never;

const unitCfg = (channel_unit_cfg: object) => ({ mutator_cfg: { channel_unit_cfg } });

async function run(config: object, data = false) {
  const { outcome, outDir, recording } = await bench.run(config, { data, plugins: [PLUGIN] });
  expect(outcome.status).toBe('succeeded');
  expect(outcome.result?.equivalence?.relative).toBeLessThan(1e-5);
  return { report: JSON.parse(await readFile(join(outDir, 'report.json'), 'utf8')), outcome, recording };
}

describe('the worked example', () => {
  test('its criterion ranks the channels of a whole job', async () => {
    const channel_unit_cfg = { type: 'CriterionChannelUnit', criterion: 'geometric_median' };
    const { report } = await run({ algorithm: { ...unitCfg(channel_unit_cfg), target_pruning_ratio: 0.5 } });
    const unit = report.units.find(({ name }: { name: string }) => name === FIRST);
    expect(unit.importance.criterion).toBe('geometric_median');
    const best = [...unit.importance.values.entries()].sort((a, b) => b[1] - a[1]).slice(0, 4);
    expect(unit.kept_indices).toEqual(best.map(([channel]) => channel).sort((a, b) => a - b));
  });

  test('its unit kind takes the units that it can, and says so of the others', async () => {
    const algorithm = { ...unitCfg({ type: 'BatchNormChannelUnit' }), target_pruning_ratio: { [FIRST]: 0.25 } };
    const { report } = await run({ algorithm });
    expect(report.units.map(({ name }: { name: string }) => name)).toEqual([FIRST]);
    expect(report.units[0]).toMatchObject({ kept: 2, importance: { criterion: 'batch_norm_scale' } });
    expect(report.unprunable).toContainEqual(expect.objectContaining({ layer: 'conv2', code: 'NO_WEIGHTS' }));
  });

  test('its algorithm prunes once, in the middle of the training', async () => {
    const { report, recording } = await run(
      {
        algorithm: { type: 'OneTimeAlgorithm', target_pruning_ratio: 0.5 },
        finetune: { epochs: 4, batch_size: 32 },
      },
      true,
    );
    expect(report.schedule.map(({ epoch }: { epoch: number }) => epoch)).toEqual([2]);
    expect(recording.metrics.filter(({ name }) => name === 'accuracy').map(({ epoch }) => epoch)).toEqual([0, 1, 2, 3]);
    expect(recording.logs).toContain('The model is pruned at 2th epoch once.');
  });

  test('its algorithm takes a parameter of its own', async () => {
    const algorithm = { type: 'OneTimeAlgorithm', prune_after: 0.25, target_pruning_ratio: 0.5 };
    const { report } = await run({ algorithm, finetune: { epochs: 4, batch_size: 32 } }, true);
    expect(report.schedule.map(({ epoch }: { epoch: number }) => epoch)).toEqual([1]);
  });

  test('its names are installed, behind the built-in ones', async () => {
    const builtIn = namesOf(BUILT_IN_PARTS);
    expect(namesOf(await loadParts([PLUGIN]))).toEqual({
      ...builtIn,
      algorithms: [...builtIn.algorithms, 'OneTimeAlgorithm'],
      unitTypes: [...builtIn.unitTypes, 'BatchNormChannelUnit'],
      criteria: [...builtIn.criteria, 'geometric_median'],
    });
  });
});

test('with a single epoch prune steps are iterations apart', async () => {
  const { recording, report } = await run(
    {
      algorithm: { target_pruning_ratio: 0.5, step_freq: 2, prune_times: 2 },
      finetune: { epochs: 1, batch_size: 32 },
    },
    true,
  );
  const lines = recording.logs.filter((line) => line.startsWith('The model is pruned'));
  expect(lines).toEqual(['The model is pruned at 0th iter once.', 'The model is pruned at 2th iter once.']);
  expect(report.schedule.map(({ iteration }: { iteration: number }) => iteration)).toEqual([0, 2]);
});

describe('names in configs', () => {
  test('the built-in ones are what the framework has', async () => {
    expect(await loadParts([])).toEqual(BUILT_IN_PARTS);
  });

  const resolved = (config: object) => () => resolveConfig(config, { hasDataset: false });
  test.each<[string, object, RegExp]>([
    ['algorithm', { algorithm: { type: 'OneTimeAlgorithm' } }, /\/algorithm\/type: must be "IteAlgorithm", found "One/],
    ['unit kind', { algorithm: unitCfg({ type: 'L1' }) }, /must be one of "CriterionChannelUnit", .*, found "L1"/],
    [
      'criterion',
      { algorithm: unitCfg({ type: 'CriterionChannelUnit', criterion: 'l3' }) },
      /"l1", "l2", .*, found "l3"; did you/,
    ],
    ['mutator', { algorithm: { mutator_cfg: { type: 'M' } } }, /must be one of "ChannelMutator", .*, found "M"/],
    [
      'criterion for units that take none',
      { algorithm: unitCfg({ type: 'SequentialChannelUnit', criterion: 'l1' }) },
      /taken by units of type Criter/,
    ],
  ])('an unknown %s is refused, with the known ones', (_name, config, message) => {
    const fault = faultOf(resolved(config));
    expect(fault.code).toBe('CONFIG_INVALID');
    expect(fault.message).toMatch(message);
  });
});

describe('modules that are no plugins', () => {
  test.each<[string, string, RegExp]>([
    ['no function', 'export default {};', /plugin\.mjs: its default export is no function/],
    [
      'a name that is taken',
      "export default () => ({ criteria: [{ name: 'l1', importance() {} }] });",
      /criteria: the name l1 is taken/,
    ],
    ['an alias', "export default () => ({ unitTypes: [{ name: 'L1MutableChannelUnit', create() {} }] });", /is taken/],
    ['a syntax error', 'export default (', /plugin\.mjs: /],
    ['a throw', "throw new Error('boom');", /plugin\.mjs: boom/],
    ['a throw of its function', "export default () => { throw 'boom'; };", /plugin\.mjs: boom/],
    ['nothing', 'export default () => {};', /gave undefined, an object of lists is needed/],
    ['a misspelt list', 'export default () => ({ criterion: [] });', /unknown list criterion; there are .*criteria/],
    ['one part without a list', 'export default () => ({ criteria: {} });', /criteria: a list is needed, found object/],
    ['a part without a name', 'export default () => ({ criteria: [{}] });', /criteria\[0\]: has no name/],
    ['no function', "export default () => ({ criteria: [{ name: 'a' }] });", /criteria: a has no function importance/],
    [
      'a parameter without a schema',
      "export default () => ({ algorithms: [{ name: 'a', parameters: { b: 1 }, create() {} }] });",
      /algorithms: a has no schema of its parameter b/,
    ],
    [
      'prune steps by a parameter that there is not',
      "export default ({ pruneSteps }) => ({ algorithms: [{ name: 'a', parameters: { b: pruneSteps({ every: 'c', default: 3 }) }, create() {} }] });",
      /algorithms: a: parameter b: there is no parameter c/,
    ],
    [
      'prune steps of no number',
      "export default ({ pruneSteps }) => ({ algorithms: [{ name: 'a', parameters: { b: pruneSteps({}) }, create() {} }] });",
      /algorithms: a: parameter b: x-prune-steps needs a "default" of 1 or more/,
    ],
    ['no maker', "export default () => ({ algorithms: [{ name: 'a' }] });", /algorithms: a has no function create/],
  ])('%s', async (_name, source, message) => {
    const loaded = loadParts([await moduleOf(source)]);
    await expect(loaded).rejects.toThrow(message);
    await expect(loaded).rejects.toMatchObject({ code: 'PLUGIN_FAILED' });
  });

  test('the second of two that give one name', async () => {
    const source = "export default () => ({ criteria: [{ name: 'mine', importance: () => undefined }] });";
    const [first, second] = [await moduleOf(source), await moduleOf(source)];
    await expect(loadParts([first, second])).rejects.toThrow(`plugin ${second}: criteria: the name mine is taken`);
  });

  test('one that waits for something is waited for', async () => {
    const source = "export default async () => ({ criteria: [{ name: 'mine', importance: () => undefined }] });";
    expect((await loadParts([await moduleOf(source)])).criteria.map(({ name }) => name)).toEqual([
      ...BUILT_IN_PARTS.criteria.map(({ name }) => name),
      'mine',
    ]);
  });

  test('one that fails in a job fails the job with a code, and is named', async () => {
    const source = "export default () => ({ criteria: [{ name: 'odd', importance: () => new Float64Array(2) }] });";
    const config = {
      algorithm: { ...unitCfg({ type: 'CriterionChannelUnit', criterion: 'odd' }), target_pruning_ratio: 0.5 },
    };
    await expect(bench.run(config, { plugins: [await moduleOf(source)] })).rejects.toMatchObject({
      code: 'PLUGIN_FAILED',
      message: expect.stringContaining('criterion odd of plugin plugin.mjs: gave 2 numbers for unit conv1_(0, 8)_8'),
    });
  });

  test('a module that is not there', async () => {
    await expect(loadParts(['/nowhere/plugin.js'])).rejects.toThrow(/plugin \/nowhere\/plugin\.js/);
  });
});
