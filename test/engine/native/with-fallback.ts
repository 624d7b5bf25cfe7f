import { openEngine } from '../../../src/engine/index.js';
import type { EngineUnderTest } from '../contracts/engine-under-test.js';
import { ATTRIBUTE_ROUNDING, ONNXRUNTIME_REFUSES } from '../onnxruntime/refusals.js';

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

/**
 * The native engine as jobs open it: what it refuses, as more axes than it has, is computed by onnxruntime, which may refuse
 * it too.
 */
export async function nativeWithFallback(): Promise<EngineUnderTest> {
  const engine = await openEngine({ engine: 'auto', device: 'cpu', threads: 2 });
  return {
    open: () => engine,
    mayRefuse: ONNXRUNTIME_REFUSES,
    edges: EDGES,
    float64Tolerance: ATTRIBUTE_ROUNDING,
  };
}
