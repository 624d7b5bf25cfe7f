import { describe, expect, test } from 'vitest';
import { createNativeEngine, findUnsupported, loadAddon } from '../../../src/engine/native/index.js';
import { opNames } from '../../../src/graph/ops/index.js';
import { expectAgreement } from '../agreement.js';
import { OP_CASES, opGraph } from '../op-cases.js';
import { Random } from '../random.js';

const loaded = loadAddon();
const addon = 'addon' in loaded ? loaded.addon : undefined;

/** Random graphs of each op; convolutions have the most ways to differ. */
const GRAPHS: Readonly<Record<string, number>> = {
  Conv: 100,
  ConvTranspose: 100,
  ConvInputGrad: 200,
  ConvFilterGrad: 200,
  Resize: 150,
  ResizeGrad: 100,
};
const seeds = (op: string) => Array.from({ length: GRAPHS[op] ?? 40 }, (_, i) => 1000 + i);

test('every op of the IR is tested', () => {
  expect(Object.keys(OP_CASES).sort()).toEqual(opNames());
});

describe.runIf(addon)('agrees', () => {
  const engine = createNativeEngine(addon!, { threads: 2 });
  test.each(Object.keys(OP_CASES))('%s', async (op) => {
    for (const seed of seeds(op)) {
      const random = new Random(seed);
      const graph = opGraph(op, `${op} of seed ${seed}`, random);
      if (findUnsupported(graph)) continue;
      const shown = () => `seed ${seed}: ${JSON.stringify(graph.nodes.at(-1))} ${JSON.stringify([...graph.values])}`;
      try {
        const compiled = await engine.compile(graph);
        for (const batch of [1, 3]) await expectAgreement(graph, compiled, random, batch, 1e-5);
        await compiled.release();
      } catch (cause) {
        throw new Error(`${shown()}: ${cause instanceof Error ? cause.message : cause}`, { cause });
      }
    }
  });
});
