import type { Engine } from '../../../src/engine/index.js';
import { createTensorFlowEngine } from '../../../src/engine/tensorflow/index.js';
import { tf, useCpu, useWasm } from '../../support/tfjs.js';
import type { EngineUnderTest } from '../contracts/engine-under-test.js';
import { isWithinWasm } from './wasm-limits.js';

/** The backends of TensorFlow.js that run anywhere: pure JavaScript, and WebAssembly. */
export const BACKENDS = { cpu: useCpu, wasm: useWasm };
export type BackendName = keyof typeof BACKENDS;

/** The engine on a backend; it stays the active one. */
export async function engineOn(backend: BackendName): Promise<Engine> {
  await BACKENDS[backend]();
  return createTensorFlowEngine({ tf, device: backend, threads: 1 });
}

/** Tensors that TensorFlow.js holds now. What runs must leave as many as it found. */
export function liveTensors(): number {
  return tf.memory().numTensors;
}

/** Where the pure JavaScript backend differs at the edges of a dtype. */
const CPU_EDGES = {
  MaxPool: 'a NaN does not win',
  PRelu: 'zeros are multiplied by the slope, infinite ones too',
  ReluGrad: 'gradients are multiplied by 0, infinite ones too',
  ClipGrad: 'gradients are multiplied by 0, infinite ones too',
  'Abs int32': 'the least number has no opposite',
  'Mul int32': 'products are made in float64',
  'Mul int64': 'int64 is held in int32',
};

/** The engine on a backend, for the contract suites. */
export function onBackend(backend: BackendName): EngineUnderTest {
  const runs = backend === 'wasm' ? isWithinWasm : () => true;
  const edges = backend === 'cpu' ? CPU_EDGES : undefined;
  return { open: () => engineOn(backend), liveTensors, runs, edges, float64Tolerance: 1e-5, int64Bits: 32 };
}
