import { createOnnxRuntimeEngine } from '../../../src/engine/onnxruntime/index.js';
import { testOps } from '../contracts/ops.js';

const engine = createOnnxRuntimeEngine({ threads: 2 });
testOps({ open: () => engine });
