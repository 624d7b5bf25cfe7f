/** The native engine itself made wrong: a convolution that gives 1.01 of what it should while an environment variable is set. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { openEngine } from '../../src/engine/index.js';
import { type Addon, createNativeEngine } from '../../src/engine/native/index.js';
import { encodeModel } from '../../src/onnx-proto/index.js';
import { runJob } from '../../src/pipeline/index.js';
import { resolveConfig } from '../../src/prune-config/index.js';
import { CPU_ENGINE } from '../engine/cpu-engine.js';
import { buildMutant } from '../engine/native/mutant-addon.js';
import { onnxModel } from '../formats/onnx/onnx-models.js';
import { PLAIN } from '../formats/onnx/plain-net.js';

const SWITCH = 'ESPALIER_TEST_WRONG_CONVOLUTION';
const RIGHT = 'es_conv_forward(&s, x, w, epilogue, y, es_operand(r), r->pool);';
const WRONG = `${RIGHT}
  extern char *getenv(const char *);
  if (getenv("${SWITCH}")) for (long i = 0; i < (long)s.n * s.oh * s.ow * s.oc; i++) y[i] *= 1.01f;`;

const mutant = vi.hoisted(() => ({ addon: undefined as unknown }));

vi.mock('../../src/engine/index.js', async (original) => {
  const module = await original<typeof import('../../src/engine/index.js')>();
  const opened: typeof openEngine = async (options) => {
    const engine = await module.openEngine(options);
    return engine.name === 'native' ? createNativeEngine(mutant.addon as Addon, engine) : engine;
  };
  return { ...module, openEngine: opened };
});

describe.runIf(CPU_ENGINE === 'native')('a native kernel that is wrong', () => {
  let remove = async () => {};
  beforeAll(async () => {
    const built = await buildMutant('kernels/windows.c', RIGHT, WRONG);
    remove = built.remove;
    mutant.addon = createRequire(import.meta.url)(resolve(built.path));
  }, 600_000);
  afterAll(() => remove());
  afterEach(() => {
    delete process.env[SWITCH];
  });

  async function run(phase: (name: string) => void) {
    const folder = await mkdtemp(join(tmpdir(), 'espalier-wrong-'));
    const path = join(folder, 'model.onnx');
    await writeFile(path, encodeModel(onnxModel(PLAIN)));
    return runJob(
      {
        jobId: 'job_1',
        model: { path, name: 'model.onnx', sha256: 'plain' },
        config: resolveConfig({ target: { macs: 0.5 } }, { hasDataset: false }),
        outDir: await mkdtemp(join(tmpdir(), 'espalier-wrong-')),
        checkpointDir: await mkdtemp(join(tmpdir(), 'espalier-wrong-')),
        engine: 'native',
        threads: 2,
      },
      { phase, progress() {}, metric() {}, warning() {}, log() {} },
      new AbortController().signal,
    );
  }

  test('judges as well as any while it is right', async () => {
    const { result } = await run(() => {});
    expect(result!.equivalence).toMatchObject({ ok: true, engines: { names: ['native', 'onnxruntime'] } });
    expect(result!.equivalence!.relative).toBeLessThan(1e-5);
  });

  test('fails the certificate, which names the first convolution, where it goes wrong after the baseline', async () => {
    const wrong = run((phase) => {
      if (phase === 'exporting') process.env[SWITCH] = '1';
    });
    await expect(wrong).rejects.toMatchObject({
      code: 'CERTIFICATE_FAILED',
      message: expect.stringMatching(/on native.*the first layer that differs is c1 \(Conv\)/),
    });
  });

  test('is found out before any work where it is wrong from the start, and the job ends right without it', async () => {
    process.env[SWITCH] = '1';
    const { result, warnings } = await run(() => {});
    expect(warnings.map(({ code }) => code)).toContain('ENGINES_DISAGREE');
    expect(result).toMatchObject({ engine: { name: 'onnxruntime' }, equivalence: { ok: true } });
  });
});
