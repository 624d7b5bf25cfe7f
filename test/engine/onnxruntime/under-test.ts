import { createOnnxRuntimeEngine } from '../../../src/engine/onnxruntime/index.js';
import type { EngineUnderTest } from '../contracts/engine-under-test.js';
import { ATTRIBUTE_ROUNDING, ONNXRUNTIME_EDGES, ONNXRUNTIME_REFUSES } from './refusals.js';

const engine = createOnnxRuntimeEngine({ threads: 2 });

export const ONNXRUNTIME: EngineUnderTest = {
  open: () => engine,
  refuses: ONNXRUNTIME_REFUSES,
  edges: ONNXRUNTIME_EDGES,
  float64Tolerance: ATTRIBUTE_ROUNDING,
};
