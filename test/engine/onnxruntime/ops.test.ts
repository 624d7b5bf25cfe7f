import { createOnnxRuntimeEngine } from '../../../src/engine/onnxruntime/index.js';
import { testOps } from '../contracts/ops.js';
import { testResizing } from '../contracts/resizing.js';

const engine = createOnnxRuntimeEngine({ threads: 2 });
testOps({ open: () => engine });
testResizing({ open: () => engine });
