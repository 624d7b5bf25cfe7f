import { createOnnxRuntimeEngine } from '../../../src/engine/onnxruntime/index.js';
import { testOps } from '../contracts/ops.js';
import { testResizing } from '../contracts/resizing.js';
import { ATTRIBUTE_ROUNDING, ONNXRUNTIME_EDGES, ONNXRUNTIME_REFUSES } from './refusals.js';

const engine = createOnnxRuntimeEngine({ threads: 2 });
testOps({
  open: () => engine,
  refuses: ONNXRUNTIME_REFUSES,
  edges: ONNXRUNTIME_EDGES,
  float64Tolerance: ATTRIBUTE_ROUNDING,
});
testResizing({ open: () => engine });
