/** What `npm ci` and users' installs run and print: nothing from another host than the registry, and no warning. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const SCRIPT = 'src/engine/onnxruntime/skip-cuda.mjs';
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'install-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('.npmrc has only keys that npm knows', () => {
  const keys = read('.npmrc')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('=')[0]);
  expect(keys).toEqual(['save-exact']);
});

test('npm ci does not run the script of onnxruntime-node', () => {
  const { packages } = JSON.parse(read('package-lock.json'));
  // npm 10 asks the lock alone. An upgrade of onnxruntime-node writes `hasInstallScript` again: take it out again.
  expect(packages['node_modules/onnxruntime-node']).not.toHaveProperty('hasInstallScript');
  // Later npms ask this, and go by it where there is no lock.
  expect(JSON.parse(read('package.json')).allowScripts).toMatchObject({ 'onnxruntime-node': false });
});

/** An installed espalier beside an onnxruntime-node with the script of the real one, on a Linux on x64 whatever this is. */
function layOut(): { run: (script: string) => void; bin: string } {
  const modules = join(folder, 'node_modules');
  const real = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  cpSync(join(ROOT, SCRIPT), join(modules, 'espalier', SCRIPT));
  for (const part of ['package.json', 'script']) {
    cpSync(join(real, part), join(modules, 'onnxruntime-node', part), { recursive: true });
  }
  for (const needed of ['adm-zip', 'global-agent']) {
    mkdirSync(join(modules, needed));
    writeFileSync(join(modules, needed, 'index.js'), 'exports.bootstrap = () => {};');
  }
  const bin = join(modules, 'onnxruntime-node/bin/napi-v6/linux/x64');
  mkdirSync(bin, { recursive: true });
  const linux = join(folder, 'linux.cjs');
  // A host that is asked for anything ends the script.
  writeFileSync(
    linux,
    `Object.defineProperty(process, 'platform', { value: 'linux' });
     Object.defineProperty(process, 'arch', { value: 'x64' });
     require('node:os').platform = () => 'linux';
     require('node:os').arch = () => 'x64';
     require('node:https').get = (url) => { throw new Error('asked ' + url); };`,
  );
  const run = (script: string) => {
    const env = { PATH: process.env.PATH };
    execFileSync(process.execPath, ['--require', linux, join(modules, script)], { env, stdio: 'pipe' });
  };
  return { run, bin };
}

test("onnxruntime-node downloads nothing after espalier's preinstall", () => {
  const { run, bin } = layOut();
  expect(() => run('onnxruntime-node/script/install.js')).toThrow('asked https://api.nuget.org');
  run(`espalier/${SCRIPT}`);
  run('onnxruntime-node/script/install.js');
  expect(readdirSync(bin).length).toBeGreaterThan(0);
  for (const name of readdirSync(bin)) expect(readFileSync(join(bin, name), 'utf8')).toContain('Not a library');
});

test('libraries that are there stay', () => {
  const { run, bin } = layOut();
  writeFileSync(join(bin, 'libonnxruntime_providers_cuda.so'), 'real');
  run(`espalier/${SCRIPT}`);
  expect(readFileSync(join(bin, 'libonnxruntime_providers_cuda.so'), 'utf8')).toBe('real');
});

test('an onnxruntime-node of another make is left alone', () => {
  const { run, bin } = layOut();
  rmSync(join(folder, 'node_modules/onnxruntime-node/script'), { recursive: true });
  run(`espalier/${SCRIPT}`);
  expect(readdirSync(bin)).toEqual([]);
  expect(existsSync(join(ROOT, SCRIPT))).toBe(true);
});
