import { describe, test } from 'vitest';
import { type Engine, openEngine } from '../../../src/engine/index.js';

/**
 * A `describe` whose tests compute on WebGPU. Where no adapter answers it is skipped with one line, or fails when
 * `ESPALIER_REQUIRE_WEBGPU=1`. A software adapter will do: see docs/gpu.md.
 */
export async function describeWebGpu(name: string, body: (engine: Engine) => void): Promise<void> {
  const opened = await openEngine({ engine: 'onnxruntime', device: 'webgpu', threads: 1 }).catch((e: Error) => e);
  if (!(opened instanceof Error)) {
    describe(name, () => body(opened));
  } else if (process.env.ESPALIER_REQUIRE_WEBGPU === '1') {
    test(name, () => {
      throw new Error(`WebGPU is required (ESPALIER_REQUIRE_WEBGPU=1): ${opened.message}`, { cause: opened });
    });
  } else {
    describe.skip(`${name} (${opened.message})`, () => {
      test('skipped', () => {});
    });
  }
}
