import { describe, expect, test } from 'vitest';
import type { DType } from '../../../src/graph/tensor.js';
import { expectAgreement } from '../agreement.js';
import { DTYPES } from '../case-parts.js';
import { edgesOf, OPS_WITH_EDGES } from '../edges.js';
import { OP_CASES, opGraph } from '../op-cases.js';
import { Random, type Wide } from '../random.js';
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
const GRAPHS_OF_FLOATS = 25;
const GRAPHS_OF_OTHERS = 5;

/**
 * Random graphs of each op of the IR, of every dtype that it takes, agree with the float64 reference, at two batch sizes in
 * one session: floats within 1e-5, doubles within 1e-12, whole numbers and truths exactly. Once more at the edges of the dtype.
 * @param most graphs of one op, for engines that are slow
 * @param only dtypes, likewise
 */
export function testOps(under: EngineUnderTest, { most = 200, only = DTYPES } = {}): void {
  const { refuses = {}, mayRefuse = {}, edges, float64Tolerance = 1e-12, int64Bits = 54 } = under;
  const tolerances = { float32: 1e-5, float64: float64Tolerance };
  const wide: Wide = {
    uint8: [0, 255],
    int32: [-(2 ** 31), 2 ** 31 - 1],
    int64: [-(2 ** (int64Bits - 1)), 2 ** (int64Bits - 1) - 1],
  };

  test('what it refuses is taken by the IR', () => {
    for (const [op, dtypes] of Object.entries({ ...refuses, ...mayRefuse }))
      expect(OP_CASES[op]?.dtypes).toEqual(expect.arrayContaining([...dtypes]));
  });

  const rows = Object.entries(OP_CASES).flatMap(([op, { dtypes }]) =>
    dtypes.filter((dtype) => only.includes(dtype)).map((dtype) => ({ op, dtype })),
  );

  describe.each(rows)('$op of $dtype', ({ op, dtype }) => {
    const count = dtype === 'float32' ? (GRAPHS[op] ?? GRAPHS_OF_FLOATS) : GRAPHS_OF_OTHERS;
    const seeds = Array.from({ length: Math.min(most, count) }, (_, i) => 1000 + i);
    const isRefused = refuses[op]?.includes(dtype) ?? false;
    const isOpen = isRefused || (mayRefuse[op]?.includes(dtype) ?? false);

    test(isOpen ? 'is refused, or agrees with the reference' : 'agrees with the reference', async () => {
      const before = countTensors(under);
      let refused = 0;
      for (const seed of seeds) if ((await runSeed(op, dtype, seed, isOpen)) === 'refused') refused++;
      if (isRefused || !isOpen) expect(refused > 0).toBe(isRefused);
      expect(countTensors(under)).toBe(before);
    });
  });

  function hasEdges(op: string, dtype: DType): boolean {
    return edges !== undefined && OPS_WITH_EDGES.has(op) && !(op in edges) && !(`${op} ${dtype}` in edges);
  }

  async function runSeed(op: string, dtype: DType, seed: number, isOpen: boolean): Promise<'ran' | 'refused'> {
    const random = new Random(seed);
    const graph = opGraph(op, `${op} of seed ${seed}`, random, dtype);
    if (under.runs?.(graph) === false) return 'ran';
    const engine = await under.open();
    try {
      const compiled = await engine.compile(graph);
      try {
        const large = random.pick([2, 3, 5, 9, 33]);
        for (const batch of [1, large]) await expectAgreement(graph, compiled, random, batch, tolerances);
        if (OP_CASES[op].moves) {
          await expectAgreement(graph, compiled, random, 2, tolerances, (r, spec, n) => r.tensor(spec, n, wide));
        }
        if (hasEdges(op, dtype)) await expectAgreement(graph, compiled, random, 2, tolerances, edgesOf);
      } finally {
        await compiled.release();
      }
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      if (isOpen && /does not take graph|no such op/.test(message)) return 'refused';
      const shown = `${JSON.stringify(graph.nodes.at(-1))} ${JSON.stringify([...graph.values])}`;
      throw new Error(`seed ${seed}: ${shown}: ${message}`, { cause });
    }
    return 'ran';
  }
}
