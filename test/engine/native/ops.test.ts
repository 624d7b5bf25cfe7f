import { expect, test } from 'vitest';
import { openEngine } from '../../../src/engine/index.js';
import { createNativeEngine } from '../../../src/engine/native/index.js';
import type { Graph } from '../../../src/graph/graph.js';
import { testOps } from '../contracts/ops.js';
import { testResizing } from '../contracts/resizing.js';
import { ATTRIBUTE_ROUNDING, ONNXRUNTIME_REFUSES } from '../onnxruntime/refusals.js';
import { OP_CASES, opGraph } from '../op-cases.js';
import { Random } from '../random.js';
import { describeNative } from './native-addon.js';

const EDGES = {
  MaxPool: 'volumes are left to onnxruntime, where a NaN does not win',
  GlobalMaxPool: 'a NaN does not win',
  ReduceMax: 'of many axes it is left to onnxruntime, where a NaN does not win',
  'ReduceSum int32': 'of many axes it is left to onnxruntime, where sums beyond the range do not wrap around',
  'LogSoftmax float64': 'left to onnxruntime, which makes other of an infinity than of its difference from itself',
  ReluGrad: 'of many axes it is left to onnxruntime, where infinite gradients are multiplied by 0',
  LeakyReluGrad: 'of many axes it is left to onnxruntime, where infinite gradients are multiplied by 0',
  ClipGrad: 'of many axes it is left to onnxruntime, where infinite gradients are multiplied by 0',
};

/** As jobs open it: what it refuses, as more axes than it has, is computed by onnxruntime, which may refuse it too. */
const engine = await openEngine({ engine: 'auto', device: 'cpu', threads: 2 });

describeNative('ops on the native engine and its fallback', () => {
  testOps({ open: () => engine, mayRefuse: ONNXRUNTIME_REFUSES, edges: EDGES, float64Tolerance: ATTRIBUTE_ROUNDING });
});

describeNative('the native engine', (addon) => {
  const native = createNativeEngine(addon, { threads: 2 });
  testResizing({ open: () => native });

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
