import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const BUILD = 'src/engine/native/build.mjs';
const LEVELS = process.arch === 'x64' ? ['avx512', 'avx2', 'sse2'] : ['generic'];
const COMPILERS = [process.env.CC, 'cc', 'gcc', 'clang'].filter((name) => name !== undefined && name !== '');
const hasCompiler =
  process.platform !== 'win32' && COMPILERS.some((name) => spawnSync(name!, ['--version']).status === 0);

/** kernels-check.c compares every kernel with plain loops in double; its last line of a family counts the cases. */
describe.skipIf(!hasCompiler)(`native kernels${hasCompiler ? '' : ' (no C compiler)'}`, () => {
  let folder = '';
  const compile = (name: string, ...options: string[]) => {
    const out = join(folder, name);
    execFileSync('node', [BUILD, '--out', out, ...options, 'test/engine/native/kernels-check.c']);
    return out;
  };
  const check = (program: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    expect(`${stdout}${stderr}`).not.toMatch(/expected|differs|runtime error|AddressSanitizer/);
    expect(status).toBe(0);
    return stdout;
  };
  let program = '';

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'kernels-'));
    program = compile('kernels-check');
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('agree with plain loops in double, the same bits twice, with the best instruction set', () => {
    expect(check(program, '1', '300').match(/300 cases/g)).toHaveLength(7);
  });

  it.each(LEVELS)('agree with %s where there is that', (isa) => {
    const output = check(program, '2', '80', isa);
    if (!output.startsWith('skipped')) expect(output.match(new RegExp(`80 cases on ${isa}`, 'g'))).toHaveLength(7);
  });

  it('touch no memory that is not theirs', () => {
    // One instruction set: the sanitizers make the compile long.
    const level = LEVELS.find((isa) => !check(program, '1', '0', isa).startsWith('skipped'))!;
    const flags = '--flags=-O1 -fsanitize=address,undefined -fno-sanitize-recover=all';
    const sanitized = compile('kernels-check-sanitized', flags, `--level=${level}`);
    expect(check(sanitized, '3', '60').match(/60 cases/g)).toHaveLength(7);
  }, 600_000);
});
