import { expect, test } from 'vitest';
import { openEngine } from '../../../src/engine/index.js';
import { findUnsupported } from '../../../src/engine/native/index.js';
import { testOps } from '../contracts/ops.js';
import { ATTRIBUTE_ROUNDING, ONNXRUNTIME_REFUSES } from '../onnxruntime/refusals.js';
import { OP_CASES, opGraph } from '../op-cases.js';
import { Random } from '../random.js';
import { describeNative } from './native-addon.js';

/** As jobs open it: what it lacks is computed by onnxruntime. */
const engine = await openEngine({ engine: 'auto', device: 'cpu', threads: 2 });

const EDGES = {
  MaxPool: 'volumes are left to onnxruntime, where a NaN does not win',
  GlobalMaxPool: 'a NaN does not win',
  Cast: 'what is no number becomes the least whole one',
  'Mul int32': 'products beyond the range do not wrap around',
  'ReduceSum int32': 'sums beyond the range do not wrap around',
  'LogSoftmax float64': 'left to onnxruntime, which makes other of an infinity than of its difference from itself',
};

describeNative('ops on the native engine and its fallback', () => {
  const isLeft = (op: string, dtype: (typeof OP_CASES)[string]['dtypes'][number]): boolean =>
    findUnsupported(opGraph(op, op, new Random(1000), dtype)) !== undefined;
  // The native engine has most ops in double.
  const refuses = Object.fromEntries(
    Object.entries(ONNXRUNTIME_REFUSES).map(([op, dtypes]) => [op, dtypes.filter((dtype) => isLeft(op, dtype))]),
  );
  testOps({ open: () => engine, refuses, edges: EDGES, float64Tolerance: ATTRIBUTE_ROUNDING });
});

/** Over two axes, as here, and over three, which are left to another engine. */
test.each(Object.keys(OP_CASES))('%s is left to another engine for windows over three axes alone', (op) => {
  const graphs = Array.from({ length: 40 }, (_, seed) => opGraph(op, op, new Random(seed)));
  const faults = graphs.flatMap((graph) => findUnsupported(graph) ?? []);
  for (const { node, reason } of faults)
    expect(`${node.op}: ${reason}`).toMatch(/(Conv|Pool).*: .*over one or two axes/);
  expect(faults.length).toBeLessThan(20);
});
