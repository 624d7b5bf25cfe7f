import { expect, test } from 'vitest';
import { createNativeEngine, findUnsupported } from '../../../src/engine/native/index.js';
import { opNames } from '../../../src/graph/ops/index.js';
import { expectAgreement } from '../agreement.js';
import { OP_CASES, opGraph } from '../op-cases.js';
import { Random } from '../random.js';
import { describeNative } from './native-addon.js';

/** Random graphs of each op; convolutions have the most ways to differ. */
const GRAPHS: Readonly<Record<string, number>> = {
  Conv: 150,
  ConvTranspose: 150,
  ConvInputGrad: 200,
  ConvFilterGrad: 200,
  Resize: 150,
  ResizeGrad: 100,
};
const seeds = (op: string) => Array.from({ length: GRAPHS[op] ?? 40 }, (_, i) => 1000 + i);

/** What the engine leaves to another: nodes of ops that aren't here are all computed. */
const LEFT: Readonly<Record<string, RegExp>> = {
  Conv: /windows/,
  ConvTranspose: /windows/,
  ConvInputGrad: /windows/,
  ConvFilterGrad: /windows/,
  MaxPool: /windows/,
  AveragePool: /windows/,
  GlobalMaxPool: /windows/,
  MaxPoolGrad: /windows/,
  AveragePoolGrad: /windows/,
};

test('every op of the IR is tested, but for those of another runtime', () => {
  expect([...Object.keys(OP_CASES), 'Opaque'].sort()).toEqual(expect.arrayContaining(opNames()));
});

describeNative('the engine agrees with the float64 reference within 1e-5, at two batch sizes', (addon) => {
  const engine = createNativeEngine(addon, { threads: 2 });
  test.each(Object.keys(OP_CASES))('%s', async (op) => {
    let compared = 0;
    for (const seed of seeds(op)) {
      const random = new Random(seed);
      const graph = opGraph(op, `${op} of seed ${seed}`, random);
      const fault = findUnsupported(graph);
      if (fault) {
        expect(fault.reason).toMatch(LEFT[fault.node.op] ?? /^$/);
        continue;
      }
      const shown = () => `seed ${seed}: ${JSON.stringify(graph.nodes.at(-1))} ${JSON.stringify([...graph.values])}`;
      try {
        const compiled = await engine.compile(graph);
        for (const batch of [1, 3]) await expectAgreement(graph, compiled, random, batch, 1e-5);
        await compiled.release();
        compared++;
      } catch (cause) {
        throw new Error(`${shown()}: ${cause instanceof Error ? cause.message : cause}`, { cause });
      }
    }
    expect(compared).toBeGreaterThanOrEqual(25);
  });
});
