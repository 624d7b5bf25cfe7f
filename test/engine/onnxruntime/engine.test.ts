import { describe, expect, test } from 'vitest';
import { createOnnxRuntimeEngine } from '../../../src/engine/onnxruntime/index.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { tensor } from '../../../src/graph/tensor.js';
import { testGraphs } from '../contracts/graphs.js';
import { testTrainingSteps } from '../contracts/training-step.js';

const engine = createOnnxRuntimeEngine({ threads: 2 });

describe('the contract of engines', () => {
  testGraphs({ open: () => engine });
  testTrainingSteps({ open: () => engine });
});

test('a dtype that onnxruntime has no kernel for is an error when compiling, naming the graph and the node', async () => {
  const b = new GraphBuilder('doubles');
  const double = { dtype: 'float64' as const, shape: ['N', 1, 4, 4] };
  const w = b.constant('w', tensor('float64', [1, 1, 1, 1], [1]), 'parameter');
  b.output('y', b.op('LeakyRelu', [b.op('Conv', [b.input('x', double), w])], {}, { name: 'leaky' }));
  await expect(engine.compile(b.build())).rejects.toThrow(/graph doubles.*(Conv|leaky)/s);
});
