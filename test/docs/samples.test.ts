/** Every sample of the pages that stand in for the guide and its linked documents is run, and does what the page says. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { format, promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { writeZip } from '../../src/archive/index.js';
import { ChannelMutator, detectFormat, openFileSet } from '../../src/index.js';
import { inspectModel } from '../../src/pipeline/index.js';
import { type ServiceProcess, startApi } from '../e2e/processes.js';
import { type JobBench, openJobBench, smallClassifier } from '../support/job-bench.js';
import { modelFiles, useCpu } from '../support/tfjs.js';
import { printedBy, type Sample, samplesOf } from './extract-samples.js';

const ROOT = resolve(import.meta.dirname, '../..');
const PAGES = [
  'guide.md',
  'how-to-prune-your-model.md',
  'config-tools.md',
  'channel-mutator.md',
  'mutable-channel-unit.md',
  'plugins.md',
];

let bench: JobBench;
let folder: string;
let home: string;
let service: ServiceProcess;

beforeAll(async () => {
  await useCpu();
  home = process.cwd();
  bench = await openJobBench(smallClassifier(), { train: 128, validation: 40 });
  service = await startApi({ DATA_DIR: join(bench.folder, 'service') });
});

afterAll(async () => {
  process.chdir(home);
  await service.end();
});

/** A folder as the pages assume: `model.zip` and `data.npz` are there. */
async function enterFolder(): Promise<string> {
  const fresh = await mkdtemp(join(tmpdir(), 'espalier-docs-'));
  await writeZip(await modelFiles(smallClassifier()), join(fresh, 'model.zip'));
  await writeFile(join(fresh, 'data.npz'), await readFile(bench.dataPath));
  process.chdir(fresh);
  return fresh;
}

/** Runs a page's code as one module, and gives what it prints, by line. */
async function runCode(page: string, code: string): Promise<string[]> {
  const path = join(ROOT, '.cache', 'docs', `${page}.ts`);
  await mkdir(join(ROOT, '.cache', 'docs'), { recursive: true });
  const local = code
    .replaceAll("from 'espalier'", `from '${join(ROOT, 'src/index.ts')}'`)
    .replaceAll("from 'espalier/client'", `from '${join(ROOT, 'src/client/index.ts')}'`);
  await writeFile(path, local);
  const printed: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((...values) => void printed.push(format(...values)));
  try {
    await import(path);
  } finally {
    log.mockRestore();
    await rm(path);
  }
  return printed.join('\n').split('\n');
}

/** Runs a page's shell lines against a service; those that print an answer print it to `stdout`. */
async function runShell(code: string): Promise<string> {
  const script = code.replaceAll('http://127.0.0.1:3000', service.url);
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder });
  return stdout;
}

const RUN_JSON: Readonly<Record<string, (sample: Sample, plugins: string[]) => Promise<void>>> = {
  config: async ({ text }, plugins) => {
    const config = JSON.parse(text);
    const { outcome } = await bench.run(config, { data: config.finetune !== undefined, plugins });
    expect(outcome.status).toBe('succeeded');
    if (!config.dry_run) expect(outcome.result?.pruned.parameters).toBeLessThan(outcome.result!.baseline.parameters);
  },
  template: async ({ text }) => {
    const files = await openFileSet(join(folder, 'model.zip'));
    const { graph } = await (await detectFormat(files)).read(files);
    await files.close();
    const mutator = new ChannelMutator();
    mutator.prepareFromSupernet(graph);
    expect(JSON.parse(text)).toEqual(mutator.configTemplate({ onlyMutableUnits: true }));
  },
};

describe.each(PAGES)('%s', (page) => {
  const samples = samplesOf(page);
  const code = samples.filter(({ language }) => language === 'ts');
  const shell = samples.filter(({ language }) => language === 'sh');
  const json = samples.filter(({ language }) => language === 'json');
  const modules = samples.filter(({ kind }) => kind === 'plugin');

  beforeAll(async () => {
    folder = await enterFolder();
  });

  test('has samples, each of a kind that is run', () => {
    expect(samples.length).toBeGreaterThan(1);
    expect(code.length + shell.length + json.length + modules.length).toBe(samples.length);
  });

  if (code.length > 0) {
    test('its code prints what it says', async () => {
      const text = code.map((sample) => sample.text).join('\n');
      expect(await runCode(page, text)).toEqual(printedBy(text));
    });
  }

  if (shell.length > 0) {
    test('its shell lines work', async () => {
      const printed = await runShell(shell.map(({ text }) => text).join('\n'));
      expect(printed.trim().split('\n')).toMatchObject(SHELL_PRINTS[page]);
    });
  }

  test.each(json.map((sample) => [sample.line, sample] as const))('its JSON on line %d', async (_line, sample) => {
    const plugins = await Promise.all(
      modules.map(async ({ text }, i) => {
        const path = join(folder, `plugin${i}.mjs`);
        await writeFile(path, text);
        return path;
      }),
    );
    await RUN_JSON[sample.kind](sample, plugins);
  });
});

/** Accuracy after a few steps on a few images is some number. */
const SHELL_PRINTS: Readonly<Record<string, unknown[]>> = {
  'how-to-prune-your-model.md': ['succeeded', expect.stringMatching(/^0(\.\d+)?$/)],
  'config-tools.md': ['true'],
};

test('the model that the pages speak of is the one that they are run with', async () => {
  const { units } = await inspectModel(join(folder, 'model.zip'), 'model.zip');
  const mutable = Object.entries(units.channel_unit_cfg.units).filter(([, unit]) => unit.is_mutable);
  expect(mutable.map(([name]) => name)).toEqual(['conv1_(0, 8)_8', 'conv2_(0, 12)_12']);
});
