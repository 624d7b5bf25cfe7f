/** Who may import whom (ARCHITECTURE): dependencies point one way, and each heavy library stays in one folder. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const LEAVES = ['graph', 'checks', 'onnx-proto', 'errors', 'archive'];
const SERVICE_LEAVES = ['checks', 'prune-config', 'onnx-proto', 'errors', 'version', 'archive', 'contract'];

/** For each part: the parts that it may import. `errors` and `config` are files. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  version: [],
  'installed-engines': [],
  webgpu: [],
  graph: ['errors'],
  checks: ['errors'],
  'prune-config': ['checks', 'errors', 'pruning'],
  'model-formats': ['formats'],
  'onnx-proto': ['errors', 'graph'],
  archive: ['errors'],
  formats: [...LEAVES, 'archive', 'contract', 'model-formats'],
  autodiff: LEAVES,
  pruning: LEAVES,
  // Imported for what it adds to classes: see DRAWS.
  drawing: ['graph', 'pruning'],
  data: [...LEAVES, 'archive', 'contract', 'prune-config'],
  report: [...LEAVES, 'contract'],
  engine: [...LEAVES, 'autodiff', 'installed-engines'],
  recovery: ['graph', 'errors', 'autodiff', 'engine', 'data'],
  contract: ['prune-config', 'archive', 'installed-engines'],
  pipeline: [
    ...LEAVES,
    'recovery',
    ...['version', 'contract', 'formats', 'autodiff', 'pruning', 'drawing', 'prune-config', 'engine', 'data', 'report'],
  ],
  config: [...SERVICE_LEAVES, 'installed-engines', 'webgpu'],
  logger: [],
  secrets: [],
  'private-files': [],
  storage: [...SERVICE_LEAVES, 'config'],
  jobs: [...SERVICE_LEAVES, 'config', 'storage'],
  queue: [...SERVICE_LEAVES, 'config', 'jobs', 'storage'],
  api: [...SERVICE_LEAVES, 'installed-engines', 'model-formats', 'webgpu', 'config', 'jobs', 'queue', 'storage'],
  client: ['errors'],
  'data-dir': ['jobs', 'private-files', 'storage'],
  backup: ['data-dir', 'jobs', 'private-files'],
  service: [...SERVICE_LEAVES, 'config', 'jobs', 'queue', 'storage', 'data-dir', 'api', 'workers'],
  main: ['config', 'data-dir', 'logger', 'private-files', 'secrets', 'service'],
  workers: [...SERVICE_LEAVES, 'config', 'logger', 'private-files', 'secrets', 'jobs', 'queue', 'storage', 'pipeline'],
};

/** The library's index, and what hands the framework to plugins. */
const DRAWS = ['src/index.ts', 'src/pipeline/plugins.ts'];

/** Packages that only these folders import. Of those in TYPES_TOO no types either: what they do stands behind a contract. */
const ONLY_IN: readonly (readonly [RegExp, string])[] = [
  [/^@tensorflow\//, 'src/engine/tensorflow/'],
  [/^onnxruntime-node$/, 'src/engine/onnxruntime/'],
  [/^(bullmq|ioredis)$/, 'src/queue/redis/'],
  [/^(kysely|libsql)$/, 'src/jobs/'],
  [/^(fastify|@fastify\/.*)$/, 'src/api/'],
  [/^(tar|yauzl|yazl)$/, 'src/archive/'],
  [/^(sharp|image-size)$/, 'src/data/images/'],
];
const TYPES_TOO = /^(bullmq|ioredis)$/;

interface Import {
  readonly from: string;
  readonly target: string;
  readonly typeOnly: boolean;
  /** `import()`: loaded when it is called. */
  readonly isLazy: boolean;
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith('.ts') ? [relative(ROOT, path).split(sep).join('/')] : [];
  });
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const pattern =
    /(?:^|\n)\s*(import|export)\s+(?:(type\s)?[^;'"]*?from\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g;
  return [...text.matchAll(pattern)].map((m) => ({
    from: file,
    target: m[3] ?? m[4],
    typeOnly: m[2] !== undefined,
    isLazy: m[4] !== undefined,
  }));
}

/** The source file that an import means. */
function fileOf(from: string, target: string): string {
  const file = relative(ROOT, resolve(ROOT, from, '..', target));
  return file.split(sep).join('/').replace(/\.js$/, '.ts');
}

function partOf(file: string): string {
  const [top, second] = file.split('/');
  return top === 'src' ? second.replace(/\.ts$/, '') : top;
}

const files = [...sources(join(ROOT, 'src')), ...sources(join(ROOT, 'workers'))];
const imports = files.flatMap(importsOf);

test('the sources are found', () => {
  expect(files.length).toBeGreaterThan(50);
  expect(imports.length).toBeGreaterThan(100);
});

test('every part of src has a rule', () => {
  expect([...new Set(files.map(partOf))].filter((part) => part !== 'index' && !(part in MAY_IMPORT))).toEqual([]);
});

test('parts import only what they may', () => {
  const faults: string[] = [];
  for (const { from, target } of imports) {
    if (!target.startsWith('.')) continue;
    const file = fileOf(from, target);
    const [part, other] = [partOf(from), partOf(file)];
    if (part === other || part === 'index' || MAY_IMPORT[part]?.includes(other)) continue;
    faults.push(`${from} imports ${file}`);
  }
  expect(faults).toEqual([]);
});

test('drawing is imported where the framework is handed out, and nowhere else', () => {
  const others = imports.filter(({ from }) => partOf(from) !== 'drawing');
  const importers = others.filter(({ from, target }) => partOf(fileOf(from, target)) === 'drawing');
  expect(importers.map(({ from }) => from).sort()).toEqual(DRAWS);
});

test('what processes say to each other costs nothing to load', () => {
  const loads = imports.filter(({ from, typeOnly }) => from === 'src/contract.ts' && !typeOnly);
  expect(loads).toEqual([]);
});

test('to name the formats of models loads none of them', () => {
  const loads = imports.filter(({ from }) => from === 'src/model-formats.ts');
  expect(loads.filter(({ isLazy }) => isLazy).length).toBeGreaterThan(1);
  expect(loads.filter(({ typeOnly, isLazy }) => !typeOnly && !isLazy)).toEqual([]);
});

test('heavy libraries stay in their folders', () => {
  const faults: string[] = [];
  for (const { from, target, typeOnly } of imports) {
    const rule = ONLY_IN.find(([name]) => name.test(target));
    if (
      rule &&
      (!typeOnly || TYPES_TOO.test(target)) &&
      !rule[1].split('|').some((folder) => from.startsWith(folder))
    ) {
      faults.push(`${from} imports ${target}`);
    }
  }
  expect(faults).toEqual([]);
});

test('no files import each other in a circle, types neither', () => {
  const graph = new Map(files.map((file) => [file, new Set<string>()]));
  for (const { from, target } of imports) {
    if (target.startsWith('.')) graph.get(from)?.add(fileOf(from, target));
  }
  const circles: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '));
    if (done.has(file) || path.includes(file)) return;
    for (const next of graph.get(file) ?? []) walk(next, [...path, file]);
    done.add(file);
  };
  for (const file of files) walk(file, []);
  expect(circles).toEqual([]);
});
