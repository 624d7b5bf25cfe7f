import { expect, test } from 'vitest';
import { createNativeEngine } from '../../../src/engine/native/index.js';
import type { Graph } from '../../../src/graph/graph.js';
import { FEW } from '../contracts/few.js';
import { testOps } from '../contracts/ops.js';
import { testResizing } from '../contracts/resizing.js';
import { OP_CASES, opGraph } from '../op-cases.js';
import { Random } from '../random.js';
import { describeNative } from './native-addon.js';
import { nativeWithFallback } from './with-fallback.js';

const engine = await nativeWithFallback();

describeNative('ops on the native engine and its fallback', () => {
  testOps(engine, FEW);
});

describeNative('the native engine', (addon) => {
  const native = createNativeEngine(addon, { threads: 2 });
  testResizing({ open: () => native }, FEW);

  /** Over two axes, as here, and over three, which are left to another engine. */
  test.each(Object.keys(OP_CASES))('leaves %s to another engine for windows over three axes alone', (op) => {
    const isFlat = ({ values }: Graph) => [...values.values()].every(({ shape }) => shape.length <= FEW_AXES);
    const graphs = Array.from({ length: 40 }, (_, seed) => opGraph(op, op, new Random(seed))).filter(
      (graph) => isFlat(graph) || /Conv|Pool/.test(op),
    );
    const refusals = graphs.flatMap((graph) => native.findRefusal(graph) ?? []);
    for (const { message } of refusals) expect(message).toMatch(/(Conv|Pool).*: windows slide over one or two axes/);
    expect(refusals.length).toBeLessThan(20);
  });
});

/** Values of more axes may be left to another engine for that. */
const FEW_AXES = 4;
