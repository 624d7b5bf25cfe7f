// Compiles the native CPU engine: every .c of this folder, to build/native/espalier.node. Files in a folder named `simd` are compiled once
// for each instruction set. Run by `npm install`: without a compiler, or when the compile fails, it says so in one line and
// succeeds, and jobs run on onnxruntime.
//
//   node src/engine/native/build.mjs                  the addon
//   node src/engine/native/build.mjs --out FOLDER [--flags "-fsanitize=address"] [--level avx2] MAIN.c …
//                                                     a program of the kernels and each MAIN.c (tests, bench); for one instruction set
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../../..');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string' }, flags: { type: 'string' }, level: { type: 'string' } },
});

// No -ffast-math: NaN must stay NaN and sums keep their order.
const FLAGS = [
  ...['-std=gnu11', '-O3', '-g1', '-fPIC', '-fstack-protector-strong'],
  ...['-fno-math-errno', '-fno-trapping-math', '-ffp-contract=fast'],
];
// On a user's machine a compiler that warns of something new is no reason to do without the engine.
const isStrict = values.out !== undefined || process.env.ESPALIER_REQUIRE_NATIVE === '1';
const WARNINGS = ['-Wall', '-Wextra', '-Wno-psabi', ...(isStrict ? ['-Werror'] : [])];

/** The flags of each instruction set, by the name that kernels/dispatch.c knows. */
const ALL_LEVELS =
  process.arch === 'x64'
    ? {
        avx512: ['-mavx512f', '-mavx512vl', '-mavx512dq', '-mavx512bw', '-mfma', '-mprefer-vector-width=512'],
        avx2: ['-mavx2', '-mfma'],
        sse2: [],
      }
    : { generic: [] };

const LEVELS = Object.fromEntries(
  Object.entries(ALL_LEVELS).filter(([name]) => values.level === undefined || name === values.level),
);

/** The first of CC, cc, gcc and clang that answers. */
async function findCompiler() {
  for (const candidate of [process.env.CC, 'cc', 'gcc', 'clang']) {
    if (!candidate) continue;
    try {
      await run(candidate, ['--version']);
      return candidate;
    } catch {
      // Not there, or not a compiler: the next one.
    }
  }
  return undefined;
}

async function findSources(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.c'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** One compiler call an object file: the sources of simd folders for every level, the others once. */
function planObjects(sources, folder, flags) {
  const defines = Object.keys(LEVELS).map((level) => `-DES_HAS_${level}`);
  return sources.flatMap((source) => {
    const name = relative(root, source).replaceAll(/[^\w]/g, '_');
    const isSimd = dirname(source).split(sep).includes('simd');
    const versions = isSimd
      ? Object.entries(LEVELS).map(([level, isa]) => ({ suffix: level, extra: [...isa, `-DES_LEVEL=${level}`] }))
      : [{ suffix: 'any', extra: defines }];
    return versions.map(({ suffix, extra }) => {
      const object = join(folder, `${name}.${suffix}.o`);
      return { object, args: [...FLAGS, ...WARNINGS, ...flags, ...extra, '-c', source, '-o', object] };
    });
  });
}

async function compileAll(compiler, objects) {
  const queue = [...objects];
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { stderr } = await run(compiler, next.args, { maxBuffer: 1 << 26 });
      if (stderr) process.stderr.write(stderr);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

/**
 * Compiles `sources` and links them to `out`; or, where there are `mains`, each of those with them, to a file of its name in `out`. Under
 * temporary names first: a process that has the old file open keeps it.
 */
async function build(compiler, { sources, mains = [], out, flags, linkFlags }) {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-native-'));
  try {
    const objects = planObjects(sources, folder, flags);
    const mainObjects = mains.map((main) => planObjects([main], folder, flags));
    await compileAll(compiler, [...objects, ...mainObjects.flat()]);
    const targets =
      mains.length === 0
        ? [{ file: out, parts: objects }]
        : mains.map((main, i) => ({ file: join(out, basename(main, '.c')), parts: [...objects, ...mainObjects[i]] }));
    for (const { file, parts } of targets) {
      await mkdir(dirname(file), { recursive: true });
      const linked = `${file}.${process.pid}`;
      await run(compiler, [
        ...flags.filter((flag) => flag.startsWith('-fsanitize')),
        ...parts.map(({ object }) => object),
        ...['-o', linked, ...linkFlags],
      ]);
      await rename(linked, file);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function buildAddon(compiler) {
  const { include_dir: headers } = createRequire(import.meta.url)('node-api-headers');
  const shared = process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared'];
  const flags = ['-I', headers, '-I', join(here, 'kernels'), '-DNAPI_VERSION=8'];
  const out = join(root, 'build/native/espalier.node');
  await build(compiler, { sources: await findSources(here), out, flags, linkFlags: [...shared, '-pthread', '-lm'] });
}

async function buildPrograms(compiler, out, mains, extra) {
  const flags = ['-I', join(here, 'kernels'), ...(extra ?? '').split(' ').filter(Boolean)];
  const sources = await findSources(join(here, 'kernels'));
  const paths = { sources, mains: mains.map((main) => resolve(main)), out: resolve(out) };
  await build(compiler, { ...paths, flags, linkFlags: ['-pthread', '-lm'] });
}

/** The line of a failed compile that says most: its first error. */
function reasonOf(error) {
  const lines = String(error.stderr || error.message).split('\n');
  return (lines.find((line) => line.includes('error')) ?? lines[0]).trim();
}

const compiler = process.platform === 'win32' ? undefined : await findCompiler();
if (values.out) {
  if (!compiler) throw new Error(`No C compiler for ${positionals.join(', ')} (CC, cc, gcc, clang)`);
  try {
    await buildPrograms(compiler, values.out, positionals, values.flags);
  } catch (error) {
    console.error(error.stderr || error);
    process.exitCode = 1;
  }
} else if (!compiler) {
  console.log('espalier: no C compiler found (CC, cc, gcc, clang): training runs on onnxruntime');
} else {
  try {
    await buildAddon(compiler);
    console.log('espalier: native engine built');
  } catch (error) {
    console.log(`espalier: the native engine did not compile, training runs on onnxruntime: ${reasonOf(error)}`);
  }
}
