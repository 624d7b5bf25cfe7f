/** Every op of the IR on the tensorflow engine, on two backends of TensorFlow.js, against the float64 reference. */
import { describe } from 'vitest';
import { testOps } from '../../engine/contracts/ops.js';
import { testResizing } from '../../engine/contracts/resizing.js';
import { BACKENDS, type BackendName, onBackend } from '../../engine/tensorflow/backends.js';

describe.each(Object.keys(BACKENDS) as BackendName[])('on the %s backend', (backend) => {
  testOps(onBackend(backend), { most: 100 });
  testResizing(onBackend(backend), { most: 20 });
});
