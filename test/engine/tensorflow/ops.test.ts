/** Every op of the IR on the tensorflow engine, on two backends of TensorFlow.js, against the float64 reference. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../../src/engine/index.js';
import { KERNELS } from '../../../src/engine/tensorflow/kernels/index.js';
import { opNames } from '../../../src/graph/ops/index.js';
import { expectAgreement } from '../agreement.js';
import { opGraph } from '../op-cases.js';
import { Random } from '../random.js';
import { BACKENDS, type BackendName, engineOn, liveTensors } from './backends.js';

/** Random graphs of each op; convolutions have the most ways to differ. */
const GRAPHS: Readonly<Record<string, number>> = { Conv: 100, ConvInputGrad: 100, ConvFilterGrad: 100 };
const seeds = (op: string) => Array.from({ length: GRAPHS[op] ?? 40 }, (_, i) => 2000 + i);

test('the engine has every op of the IR', () => {
  expect(Object.keys(KERNELS).sort()).toEqual(opNames());
});

describe.each(Object.keys(BACKENDS) as BackendName[])('on the %s backend', (backend) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await engineOn(backend);
  });

  test.each(opNames())('%s agrees within 1e-5, at two batch sizes, and leaves no tensor', async (op) => {
    const before = liveTensors();
    for (const seed of seeds(op)) {
      const random = new Random(seed);
      const graph = opGraph(op, `${op} of seed ${seed}`, random);
      const shown = () => `seed ${seed}: ${JSON.stringify(graph.nodes.at(-1))} ${JSON.stringify([...graph.values])}`;
      try {
        const compiled = await engine.compile(graph);
        for (const batch of [1, 3]) await expectAgreement(graph, compiled, random, batch, 1e-5);
        await compiled.release();
      } catch (cause) {
        throw new Error(`${shown()}: ${cause instanceof Error ? cause.message : cause}`, { cause });
      }
    }
    expect(liveTensors()).toBe(before);
  });
});
