import { expect, test } from 'vitest';
import { createNativeEngine } from '../../../src/engine/native/index.js';
import { testOps } from '../contracts/ops.js';
import { testResizing } from '../contracts/resizing.js';
import { OP_CASES, opGraph } from '../op-cases.js';
import { Random } from '../random.js';
import { describeNative } from './native-addon.js';

describeNative('ops on the native engine', (addon) => {
  const engine = createNativeEngine(addon, { threads: 2 });
  testOps({ open: () => engine, runs: (graph) => engine.findRefusal(graph) === undefined });
  testResizing({ open: () => engine });

  /** Over two axes, as here, and over three, which are left to another engine. */
  test.each(Object.keys(OP_CASES))('%s is left to another engine for windows over three axes alone', (op) => {
    const graphs = Array.from({ length: 40 }, (_, seed) => opGraph(op, op, new Random(seed)));
    const refusals = graphs.flatMap((graph) => engine.findRefusal(graph) ?? []);
    for (const { message } of refusals) expect(message).toMatch(/(Conv|Pool).*: windows slide over one or two axes/);
    expect(refusals.length).toBeLessThan(20);
  });
});
