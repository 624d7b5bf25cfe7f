/** Every op of the IR on the tensorflow engine, on two backends of TensorFlow.js, against the float64 reference. */
import { describe, expect, test } from 'vitest';
import { KERNELS } from '../../../src/engine/tensorflow/kernels/index.js';
import { getOp, opNames } from '../../../src/graph/ops/index.js';
import { FEW } from '../contracts/few.js';
import { testOps } from '../contracts/ops.js';
import { testResizing } from '../contracts/resizing.js';
import { BACKENDS, type BackendName, onBackend } from './backends.js';

test('the engine has every op of the IR, or what it is made of', () => {
  expect(opNames().filter((op) => !Object.hasOwn(KERNELS, op) && !getOp(op).compose)).toEqual([]);
});

describe.each(Object.keys(BACKENDS) as BackendName[])('on the %s backend', (backend) => {
  testOps(onBackend(backend), FEW);
  testResizing(onBackend(backend), FEW);
});
