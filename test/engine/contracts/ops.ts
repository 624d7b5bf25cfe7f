import { expect, test } from 'vitest';
import { opNames } from '../../../src/graph/ops/index.js';
import { expectAgreement } from '../agreement.js';
import { OP_CASES, opGraph } from '../op-cases.js';
import { Random } from '../random.js';
import { countTensors, type EngineUnderTest } from './engine-under-test.js';

/** Convolutions have the most ways to differ. */
const GRAPHS: Readonly<Record<string, number>> = {
  Conv: 100,
  ConvTranspose: 100,
  ConvInputGrad: 200,
  ConvFilterGrad: 200,
  Resize: 150,
  ResizeGrad: 100,
};

/**
 * Random graphs of each op of the IR agree with the float64 reference within 1e-5, at two batch sizes in one session.
 * @param most graphs of one op, for engines that are slow
 */
export function testOps(under: EngineUnderTest, { most = 200 } = {}): void {
  test('every op of the IR has cases', () => {
    expect(Object.keys(OP_CASES).sort()).toEqual(opNames());
  });

  test.each(Object.keys(OP_CASES))('%s agrees with the reference', async (op) => {
    const engine = await under.open();
    const before = countTensors(under);
    const seeds = Array.from({ length: Math.min(most, GRAPHS[op] ?? 40) }, (_, i) => 1000 + i);
    for (const seed of seeds) {
      const random = new Random(seed);
      const graph = opGraph(op, `${op} of seed ${seed}`, random);
      if (under.runs?.(graph) === false) continue;
      const shown = () => `seed ${seed}: ${JSON.stringify(graph.nodes.at(-1))} ${JSON.stringify([...graph.values])}`;
      try {
        const compiled = await engine.compile(graph);
        for (const batch of [1, 3]) await expectAgreement(graph, compiled, random, batch, 1e-5);
        await compiled.release();
      } catch (cause) {
        throw new Error(`${shown()}: ${cause instanceof Error ? cause.message : cause}`, { cause });
      }
    }
    expect(countTensors(under)).toBe(before);
  });
}
