import { FEW } from '../contracts/few.js';
import { testOps } from '../contracts/ops.js';
import { testResizing } from '../contracts/resizing.js';
import { ONNXRUNTIME } from './under-test.js';

testOps(ONNXRUNTIME, FEW);
testResizing(ONNXRUNTIME, FEW);
