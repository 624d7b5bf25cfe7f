import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Addon, createNativeEngine, loadAddon } from '../../src/engine/native/index.js';
import { getSpec } from '../../src/graph/graph.js';
import { RecordingAddon, writePrograms } from '../engine/native/recording-addon.js';
import { OP_CASES, opGraph } from '../engine/op-cases.js';
import { Random } from '../engine/random.js';

const BUILD = 'src/engine/native/build.mjs';
const LEVELS = process.arch === 'x64' ? ['avx512', 'avx2', 'sse2'] : ['generic'];
const COMPILERS = [process.env.CC, 'cc', 'gcc', 'clang'].filter((name) => name !== undefined && name !== '');
const hasCompiler =
  process.platform !== 'win32' && COMPILERS.some((name) => spawnSync(name!, ['--version']).status === 0);

/**
 * kernels-check.c compares every kernel with plain loops in double; its last line of a family counts the cases. words-check.c attacks the
 * check of programs.
 */
/** Every op of the IR, at two batch sizes. */
async function runOpCases({ addon }: RecordingAddon, threads: number): Promise<void> {
  const engine = createNativeEngine(addon, { threads });
  for (const op of Object.keys(OP_CASES)) {
    const random = new Random(7000 + threads);
    const graph = opGraph(op, `${op} for ${threads}`, random);
    if (engine.findRefusal(graph)) continue;
    const compiled = await engine.compile(graph);
    for (const batch of [1, 5]) {
      await compiled.run(new Map(graph.inputs.map((id) => [id, random.tensor(getSpec(graph, id), batch)])));
    }
    await compiled.release();
  }
}

describe.skipIf(!hasCompiler)(`native kernels${hasCompiler ? '' : ' (no C compiler)'}`, () => {
  let folder = '';
  const compile = (sources: readonly string[], ...options: string[]) => {
    const out = join(folder, options.length === 0 ? 'plain' : 'sanitized');
    const files = sources.map((source) => `test/engine/native/${source}.c`);
    execFileSync('node', [BUILD, '--out', out, ...options, ...files]);
    return sources.map((source) => join(out, source));
  };
  const check = (program: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    expect(`${stdout}${stderr}`).not.toMatch(/expected|differs|runtime error|AddressSanitizer|too short/);
    expect(status).toBe(0);
    return stdout;
  };
  let program = '';

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'kernels-'));
    [program] = compile(['kernels-check']);
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('agree with plain loops in double, the same bits twice, with the best instruction set', () => {
    expect(check(program, '1', '300').match(/300 cases/g)).toHaveLength(7);
  });

  it.each(LEVELS)('agree with %s where there is that', (isa) => {
    const output = check(program, '2', '80', isa);
    if (!output.startsWith('skipped')) expect(output.match(new RegExp(`80 cases on ${isa}`, 'g'))).toHaveLength(7);
  });

  describe('under the sanitizers, of addresses and of undefined behaviour', () => {
    let [kernelsCheck, wordsCheck] = ['', ''];
    beforeAll(() => {
      // One instruction set: the sanitizers make the compile long.
      const level = LEVELS.find((isa) => !check(program, '1', '0', isa).startsWith('skipped'))!;
      const flags = '--flags=-O1 -fsanitize=address,undefined -fno-sanitize-recover=all';
      [kernelsCheck, wordsCheck] = compile(['kernels-check', 'words-check'], flags, `--level=${level}`);
    }, 600_000);

    it('touch no memory that is not theirs', () => {
      expect(check(kernelsCheck, '3', '60').match(/60 cases/g)).toHaveLength(7);
    }, 600_000);

    /** ESPALIER_RANDOM_WORDS: seconds of random words. */
    it('run whatever the check of a program lets through, within the memory that it asks for', async () => {
      const seconds = process.env.ESPALIER_RANDOM_WORDS ?? '0';
      const seed = process.env.ESPALIER_RANDOM_SEED ?? '1';
      const output = check(wordsCheck, 'random', seed, '400', seconds);
      expect(output.match(/^\w+: \d+ tried, [1-9]\d* ran/gm)).toHaveLength(24);
      const { addon } = loadAddon() as { addon: Addon };
      const file = join(folder, 'programs');
      const recordings = [1, 2, 3].map((threads) => new RecordingAddon(addon, threads));
      for (const [i, recording] of recordings.entries()) await runOpCases(recording, i + 1);
      await writePrograms(file, recordings);
      expect(recordings.reduce((sum, { programs }) => sum + programs, 0)).toBeGreaterThan(300);
      expect(check(wordsCheck, 'replay', file)).toMatch(/^replayed \d{3,} instructions of \d{3,} programs/);
    }, 1_200_000);
  });
});
