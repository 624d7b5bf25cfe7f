/** Random chains of elementwise nodes on every engine; `npm test` has the first of the native one's. */
import { describe } from 'vitest';
import { openEngine } from '../../src/engine/index.js';
import { createOnnxRuntimeEngine } from '../../src/engine/onnxruntime/index.js';
import { testChains } from '../engine/contracts/chains.js';
import { describeNative } from '../engine/native/native-addon.js';
import { ATTRIBUTE_ROUNDING, ONNXRUNTIME_REFUSES } from '../engine/onnxruntime/refusals.js';
import { engineOn } from '../engine/tensorflow/backends.js';

describeNative('the native engine', () => {
  testChains((threads) => openEngine({ engine: 'auto', device: 'cpu', threads }), {
    runs: 100,
    float64Tolerance: 1e-12,
  });
});

describe('onnxruntime', () => {
  testChains((threads) => createOnnxRuntimeEngine({ threads }), {
    runs: 30,
    float64Tolerance: ATTRIBUTE_ROUNDING,
    refuses: ONNXRUNTIME_REFUSES,
  });
});

describe('tensorflow', () => {
  testChains(() => engineOn('cpu'), { runs: 10, float64Tolerance: 2e-5, mostElements: 5_000 });
});
