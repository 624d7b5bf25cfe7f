/** Every op of the IR and whole training steps on WebGPU, against the float64 reference; see docs/gpu.md for an adapter. */
import { expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import type { Graph } from '../../src/graph/graph.js';
import { tensor, toRef } from '../../src/graph/tensor.js';
import { expectClose } from '../engine/agreement.js';
import { testGraphs } from '../engine/contracts/graphs.js';
import { testOps } from '../engine/contracts/ops.js';
import { testResizing } from '../engine/contracts/resizing.js';
import { testTrainingSteps } from '../engine/contracts/training-step.js';
import { ONNXRUNTIME_REFUSES } from '../engine/onnxruntime/refusals.js';
import { describeWebGpu } from '../engine/onnxruntime/webgpu-adapter.js';
import { Random } from '../engine/random.js';

await describeWebGpu('the contract of engines, on WebGPU', (engine) => {
  const under = { open: () => engine };
  // Other dtypes than these the provider leaves to the host.
  testOps({ ...under, refuses: ONNXRUNTIME_REFUSES }, { most: 4, only: ['float32', 'int32'] });
  testResizing(under, { most: 4 });
  testGraphs(under);
  testTrainingSteps(under);
});

await describeWebGpu('a shader is not taken for that of another graph', (engine) => {
  function normalized(op: string, rank: number, epsilon: number): Graph {
    const b = new GraphBuilder(`${op} with ${epsilon}`);
    const perChannel = (id: string, values: number[]) => b.constant(id, tensor('float32', [2], values), 'parameter');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 2, 4, 4].slice(0, rank) });
    const inputs = [x, perChannel('scale', [0.5, 2]), perChannel('shift', [1, -1])];
    if (op === 'BatchNormalization') inputs.push(perChannel('mean', [0.1, 0.2]), perChannel('variance', [0.5, 0.3]));
    b.output('y', b.op(op, inputs, op === 'GroupNormalization' ? { epsilon, num_groups: 1 } : { epsilon }));
    return b.build();
  }

  test.each([
    ['InstanceNormalization', 4],
    ['GroupNormalization', 4],
    ['BatchNormalization', 4],
    ['BatchNormalization', 2],
  ])('%s of rank %i, by its epsilon', async (op, rank) => {
    for (const epsilon of [1e-5, 0.1]) {
      const graph = normalized(op, rank, epsilon);
      const x = new Random(3).tensor({ dtype: 'float32', shape: [3, 2, 4, 4].slice(0, rank) }, 3);
      const compiled = await engine.compile(graph);
      const found = await compiled.run(new Map([['x', x]]));
      await compiled.release();
      const expected = evaluateGraph(graph, new Map([['x', toRef(x)]]));
      expectClose(graph.name, found.get('y')!, expected.get('y')!, 1e-5, 0.1);
    }
  });

  test('the device is named', () => {
    expect({ name: engine.name, device: engine.device }).toEqual({ name: 'onnxruntime', device: 'webgpu' });
  });
});
