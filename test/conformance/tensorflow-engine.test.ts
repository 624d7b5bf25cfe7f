import { beforeEach, describe, expect, test } from 'vitest';
import type { CompiledGraph, Engine } from '../../src/engine/index.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import type { Graph } from '../../src/graph/graph.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { expectAgreement } from '../engine/agreement.js';
import { testGraphs } from '../engine/contracts/graphs.js';
import { testTrainingSteps } from '../engine/contracts/training-step.js';
import { Random } from '../engine/random.js';
import { BACKENDS, type BackendName, engineOn, liveTensors, onBackend } from '../engine/tensorflow/backends.js';
import { tf } from '../support/tfjs.js';

let engine: Engine;
beforeEach(async () => {
  engine = await engineOn('cpu');
});

const float = (...shape: (number | string)[]) => ({ dtype: 'float32' as const, shape });

async function run(graph: Graph, feeds: Parameters<CompiledGraph['run']>[0]): Promise<Map<string, Tensor>> {
  const compiled = await engine.compile(graph);
  try {
    return await compiled.run(feeds);
  } finally {
    await compiled.release();
  }
}

function oneInput(name: string, dtype: Tensor['dtype'] = 'float32'): Graph {
  const b = new GraphBuilder(name);
  b.output('y', b.op('Identity', [b.input('x', { dtype, shape: ['N', 3] })]));
  return b.build();
}

describe.each(Object.keys(BACKENDS) as BackendName[])('the contract of engines, on the %s backend', (backend) => {
  testGraphs(onBackend(backend));
  testTrainingSteps(onBackend(backend));
});

test('a run that fails names node and graph, and leaves no tensor', async () => {
  const b = new GraphBuilder('lies');
  const x = b.op('Relu', [b.input('x', float('N', 4))]);
  b.output('y', b.op('Reshape', [x], { shape: [0, 2, 2] }, { layer: 'square' }));
  const graph = b.build();
  const nodes = graph.nodes.map((node) => (node.op === 'Reshape' ? { ...node, attrs: { shape: [0, 3] } } : node));
  const before = liveTensors();
  const feeds = new Map([['x', tensor('float32', [1, 4], [1, 2, 3, 4])]]);
  await expect(run({ ...graph, nodes }, feeds)).rejects.toThrow(/running Reshape square of graph lies failed/);
  expect(liveTensors()).toBe(before);
});

describe('types that TensorFlow.js lacks', () => {
  test.each(['float64', 'int64', 'uint8', 'bool'] as const)('%s goes in and comes out as it was', async (dtype) => {
    const x = tensor(dtype, [1, 3], [0, 1, 1]);
    expect((await run(oneInput('typed', dtype), new Map([['x', x]]))).get('y')).toEqual(x);
  });

  test('an int64 beyond int32 is refused, not cut', async () => {
    const x = tensor('int64', [1, 3], [0, 2 ** 31, 1]);
    await expect(run(oneInput('wide', 'int64'), new Map([['x', x]]))).rejects.toThrow(/2147483648 does not fit int32/);
  });

  test('whole numbers divide towards zero', async () => {
    const b = new GraphBuilder('whole');
    const spec = { dtype: 'int32' as const, shape: ['N'] };
    b.output('y', b.op('Div', [b.input('a', spec), b.input('b', spec)]));
    const feeds = new Map([
      ['a', tensor('int32', [4], [7, -7, 7, -7])],
      ['b', tensor('int32', [4], [2, 2, -2, -2])],
    ]);
    expect((await run(b.build(), feeds)).get('y')).toEqual(tensor('int32', [4], [3, -3, -3, 3]));
  });
});

test('the index of the largest is one of the axis, whatever is no number', async () => {
  const b = new GraphBuilder('largest');
  b.output('y', b.op('ArgMax', [b.input('x', float('N', 3))], { axis: 1, keepdims: 0 }));
  const rows = [1, Number.NaN, 2, Number.NaN, 1, 2, Number.NaN, Number.NaN, Number.NaN, Number.NEGATIVE_INFINITY, 1, 1];
  const feeds = new Map([['x', tensor('float32', [4, 3], rows)]]);
  expect((await run(b.build(), feeds)).get('y')).toEqual(tensor('int64', [4], [2, 0, 0, 1]));
});

describe('layouts', () => {
  /** Convolutions, norms and sums between them, and what reads their result in the IR's order. */
  function spatialGraph(): Graph {
    const r = new Random(3);
    const b = new GraphBuilder('spatial');
    const weight = (id: string, shape: number[]) =>
      b.constant(
        id,
        tensor(
          'float32',
          shape,
          r.floats(
            shape.reduce((n, d) => n * d, 1),
            0.1,
            1,
          ),
        ),
        'parameter',
      );
    const x = b.input('x', float('N', 3, 5, 4));
    const conv = b.op('Conv', [x, weight('w', [4, 3, 3, 3])], { pads: [1, 1, 1, 1] });
    const norm = b.op('BatchNormalization', [conv, ...['s', 'b', 'm', 'v'].map((id) => weight(id, [4]))]);
    const scaled = b.op('Mul', [norm, weight('scale', [4, 1, 1])]);
    const shifted = b.op('Add', [scaled, weight('row', [4])]);
    const sum = b.op('Add', [shifted, b.op('Conv', [x, weight('point', [4, 3, 1, 1])])]);
    const joined = b.op('Concat', [sum, conv], { axis: 1 });
    b.output('slice', b.op('Slice', [joined], { axes: [1, 3], starts: [6, -1], ends: [-100, 0], steps: [-2, -1] }));
    const pads = [0, 1, 0, 2, 0, 0, -1, 1];
    b.output('padded', b.op('Pad', [joined], { pads, value: 3 }));
    b.output('reflected', b.op('Pad', [joined], { pads: pads.map(Math.abs), mode: 'reflect' }));
    b.output('means', b.op('ReduceMean', [joined], { axes: [2, 3], keepdims: 0 }));
    b.output('of rows', b.op('ReduceSum', [joined], { axes: [0, 3], keepdims: 0 }));
    b.output('last', b.op('Transpose', [joined], { perm: [0, 2, 3, 1] }));
    b.output('turned', b.op('Transpose', [joined], { perm: [0, 3, 2, 1] }));
    b.output('flat', b.op('Flatten', [joined]));
    return b.build();
  }

  test('values that stand channels-last are read in the order of the IR', async () => {
    const compiled = await engine.compile(spatialGraph());
    for (const batch of [1, 2]) await expectAgreement(spatialGraph(), compiled, new Random(4), batch, 1e-5);
    await compiled.release();
  });

  test('between spatial ops nothing is transposed but the input', async () => {
    const b = new GraphBuilder('chain');
    const w = b.constant('w', tensor('float32', [2, 2, 1, 1], [1, 2, 3, 4]), 'parameter');
    let x = b.input('x', float('N', 2, 3, 3));
    for (let i = 0; i < 4; i++) x = b.op('Relu', [b.op('Conv', [x, w])]);
    b.output('y', b.op('Transpose', [x], { perm: [0, 2, 3, 1] }));
    const compiled = await engine.compile(b.build());
    const feeds = new Map([['x', tensor('float32', [1, 2, 3, 3], new Float32Array(18))]]);
    await compiled.run(feeds);
    const { kernels } = await tf.profile(async () => {
      await compiled.run(feeds);
      return tf.scalar(0);
    });
    await compiled.release();
    const ran = kernels.map(({ name }) => name);
    expect(ran.filter((name) => name === 'Conv2D').length).toBe(4);
    expect(ran.filter((name) => name === 'Transpose').length).toBe(1);
  });
});
