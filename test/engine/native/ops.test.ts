import { expect, test } from 'vitest';
import { createNativeEngine, findUnsupported } from '../../../src/engine/native/index.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { testOps } from '../contracts/ops.js';
import { OP_CASES, opGraph } from '../op-cases.js';
import { Random } from '../random.js';
import { describeNative } from './native-addon.js';

describeNative('ops on the native engine', (addon) => {
  const engine = createNativeEngine(addon, { threads: 2 });
  testOps({ open: () => engine, runs: (graph) => findUnsupported(graph) === undefined });
});

/** Over two axes, as here, and over three, which are left to another engine. */
test.each(Object.keys(OP_CASES))('%s is left to another engine for windows over three axes alone', (op) => {
  const graphs = Array.from({ length: 40 }, (_, seed) => opGraph(op, op, new Random(seed)));
  const faults = graphs.flatMap((graph) => findUnsupported(graph) ?? []);
  for (const { node, reason } of faults)
    expect(`${node.op}: ${reason}`).toMatch(/(Conv|Pool).*: .*over one or two axes/);
  expect(faults.length).toBeLessThan(20);
});

test('a value of more axes than the kernels count along is left to another engine', () => {
  const b = new GraphBuilder('axes');
  const x = b.input('x', { dtype: 'float32', shape: [1, 1, 1, 1, 1, 1, 1, 2, 3] });
  b.output('y', b.op('Transpose', [x], { perm: [8, 7, 6, 5, 4, 3, 2, 1, 0] }, { name: 'turn' }));
  expect(findUnsupported(b.build())).toMatchObject({
    node: { name: 'turn' },
    reason: expect.stringMatching(/8 axes, not of 9/),
  });
});
