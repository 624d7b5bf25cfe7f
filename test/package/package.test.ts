/** The package as it is packed (`npm test` has built it), from a user's project that has nothing but what it depends on. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientTypes } from '../../src/api/client-types.js';
import { samplesOf } from '../docs/extract-samples.js';

const ROOT = resolve(import.meta.dirname, '../..');
const PAGES = ['guide.md', 'config-tools.md', 'channel-mutator.md', 'mutable-channel-unit.md'];

const CLIENT = `
import { type ClientOptions, createClient, type JobView, ProblemError, type PruneConfigInput } from 'espalier/client';

const options: ClientOptions = { url: 'http://127.0.0.1:3000' };
const client = createClient(options);
const config: PruneConfigInput = { target: { macs: 0.5 }, finetune: { epochs: 6 }, ignore: ['head/*'] };
try {
  const model = await client.uploadModel({ 'model.onnx': new Uint8Array(8) });
  const { id } = await client.createJob({ model: model.id, config });
  const job: JobView = await client.waitForJob(id, { onProgress: ({ progress }) => console.log(progress) });
  const macs: number | undefined = job.result?.pruned.macs;
  const { size }: Blob = await client.readModel(id);
  console.log(macs, size);
} catch (error) {
  if (error instanceof ProblemError) console.log(error.code, error.status);
}
// @ts-expect-error: fields that are misspelt are no type's business to let through.
await client.createJob({ model: 'mdl_', config: { targets: 0.5 } });
`;

let project: string;
let installed: string;
let packed: string[];

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'package-'));
  installed = join(project, 'node_modules/espalier');
  const packing = ['pack', '--ignore-scripts', '--json', '--pack-destination', project];
  const [{ filename, files }] = JSON.parse(execFileSync('npm', packing, { cwd: ROOT, stdio: 'pipe' }).toString());
  packed = files.map(({ path }: { path: string }) => path);
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', join(project, filename), '-C', installed, '--strip-components', '1']);
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) {
    const link = join(project, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), link);
  }
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
});
afterAll(() => rmSync(project, { recursive: true }));

test('what is packed is what runs, what it is built from, and what explains it', () => {
  const allowed =
    /^(dist\/(src|workers)\/.*\.(js|d\.ts)|src\/engine\/native\/.*\.[ch]|docs\/.*\.md|(README|CHANGELOG)\.md|LICENSE|package\.json|openapi\.yaml|src\/engine\/native\/build\.mjs|src\/engine\/onnxruntime\/skip-cuda\.mjs)$/;
  expect(packed.filter((path) => !allowed.test(path))).toEqual([]);
  const native = readdirSync(join(ROOT, 'src/engine/native'), { recursive: true, withFileTypes: true })
    .filter(({ name }) => /\.[ch]$/.test(name))
    .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)));
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const installing = [scripts.preinstall, scripts.install].map((script) => script.replace(/^node /, ''));
  const needed = ['LICENSE', 'README.md', 'openapi.yaml', 'docs/guide.md', 'dist/src/main.js', 'dist/workers/main.js'];
  expect(packed).toEqual(expect.arrayContaining([...needed, ...native, ...installing]));
});

describe.each([
  ['nodenext', 'nodenext'],
  ['bundler', 'esnext'],
])('TypeScript with moduleResolution %s', (moduleResolution, module) => {
  test('finds no fault', async () => {
    const files = PAGES.map((page) => page.replace(/\.md$/, '.ts'));
    for (const [i, page] of PAGES.entries()) {
      const code = samplesOf(page).filter(({ language }) => language === 'ts');
      writeFileSync(join(project, files[i]), code.map(({ text }) => text).join('\n'));
    }
    writeFileSync(join(project, 'client.ts'), CLIENT);
    const compilerOptions = {
      ...{ target: 'es2022', module, moduleResolution, types: [], noEmit: true, skipLibCheck: false },
      ...{ strict: true, exactOptionalPropertyTypes: true },
    };
    const config = join(project, `tsconfig.${moduleResolution}.json`);
    writeFileSync(config, JSON.stringify({ compilerOptions, files: [...files, 'client.ts'] }));
    const start = performance.now();
    const tsc = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', config, '--listFiles'];
    const { stdout, code } = await promisify(execFile)(process.execPath, tsc, { cwd: project, maxBuffer: 1 << 26 })
      .then(({ stdout }) => ({ stdout, code: 0 }))
      .catch((error) => ({ stdout: String(error.stdout), code: error.code }));
    const seconds = (performance.now() - start) / 1000;
    const lines = stdout.split('\n');
    expect(lines.filter((line) => line.includes('error TS'))).toEqual([]);
    expect(code).toBe(0);
    // No other package's declarations: their faults and their bulk would be the user's.
    const others = lines.filter((line) => line.startsWith('/') && !line.startsWith(project));
    expect(others.filter((line) => !/\/typescript[^/]*\/.*lib\.[\w.]*d\.ts$/.test(line))).toEqual([]);
    console.info(`moduleResolution ${moduleResolution}: ${seconds.toFixed(1)} s`);
  });
});

/** Runs a module of the user's project, and gives the modules that it loaded, its own left out, and what it printed. */
async function load(code: string): Promise<{ loaded: string[]; printed: string }> {
  const [list, hooks] = [join(project, 'loaded.txt'), join(project, 'hooks.mjs')];
  writeFileSync(list, '');
  writeFileSync(
    hooks,
    `import { appendFileSync } from 'node:fs';
     export async function load(url, context, next) {
       appendFileSync(${JSON.stringify(list)}, url + '\\n');
       return next(url, context);
     }`,
  );
  writeFileSync(join(project, 'run.mjs'), code);
  const register = `data:text/javascript,import { register } from 'node:module'; register('file://${hooks}');`;
  const node = promisify(execFile)(process.execPath, ['--import', register, 'run.mjs'], { cwd: project });
  const { stdout: printed } = await node;
  const urls = readFileSync(list, 'utf8').trim().split('\n');
  const loaded = urls.filter((url) => !url.startsWith('data:') && !url.endsWith('/run.mjs'));
  return { loaded: loaded.map((url) => url.replace(/^.*node_modules\//, '')).sort(), printed };
}

test('the client loads three modules of its own and nothing else, not even of Node', async () => {
  const { loaded } = await load(`import { createClient } from 'espalier/client';
    createClient({ url: 'http://127.0.0.1:1' });`);
  expect(loaded).toEqual(['client', 'index', 'problem-error'].map((name) => `espalier/dist/src/client/${name}.js`));
});

test('the library runs from what is packed', async () => {
  const sample = samplesOf('guide.md').find(({ text }) => text.includes('new GraphBuilder('));
  const { printed } = await load(sample!.text);
  expect(printed).toContain('(conv): DynamicConv2d(');
});

test('the service and the worker run from what is packed', async () => {
  for (const main of ['src', 'workers']) {
    const { stdout } = await promisify(execFile)(process.execPath, [join(installed, `dist/${main}/main.js`), '--help']);
    expect(stdout).toContain('DATA_DIR');
  }
});

test('the types of the client are those of the schemas (npm run openapi writes them)', () => {
  expect(readFileSync(join(ROOT, 'src/client/wire.ts'), 'utf8')).toBe(clientTypes());
});
