import { testOps } from '../../engine/contracts/ops.js';
import { testResizing } from '../../engine/contracts/resizing.js';
import { ONNXRUNTIME } from '../../engine/onnxruntime/under-test.js';

testOps(ONNXRUNTIME);
testResizing(ONNXRUNTIME);
