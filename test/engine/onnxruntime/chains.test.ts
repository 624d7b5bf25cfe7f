import { createOnnxRuntimeEngine } from '../../../src/engine/onnxruntime/index.js';
import { testChains } from '../contracts/chains.js';
import { ATTRIBUTE_ROUNDING, ONNXRUNTIME_REFUSES } from './refusals.js';

testChains((threads) => createOnnxRuntimeEngine({ threads }), {
  runs: 30,
  float64Tolerance: ATTRIBUTE_ROUNDING,
  refuses: ONNXRUNTIME_REFUSES,
});
