import { describe, expect, test } from 'vitest';
import { withCodedFaults } from '../../src/engine/coded-faults.js';
import { type Engine, openEngine } from '../../src/engine/index.js';
import { EspalierError } from '../../src/errors.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import type { Graph } from '../../src/graph/graph.js';
import { tensor } from '../../src/graph/tensor.js';
import { CPU_ENGINE } from './cpu-engine.js';

/** Rows of a table of five. */
function lookUp(): Graph {
  const b = new GraphBuilder('words');
  const table = b.constant('table', tensor('float32', [5, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), 'parameter');
  const indices = b.input('indices', { dtype: 'int64', shape: ['N', 2] });
  b.output('y', b.op('Gather', [table, indices], { axis: 0 }, { layer: 'embedding' }));
  return b.build();
}

const faultOf = (doing: Promise<unknown>): Promise<unknown> =>
  doing.then(
    () => 'no fault',
    (error: unknown) => error,
  );

describe.each([...new Set([CPU_ENGINE, 'onnxruntime'] as const)])('of the %s engine', (name) => {
  test('an index out of range says so, with the layer, and the graph runs on', async () => {
    const engine = await openEngine({ engine: name, threads: 1 });
    const compiled = await engine.compile(lookUp());
    const fault = await faultOf(compiled.run(new Map([['indices', tensor('int64', [1, 2], [1, 9])]])));
    expect(fault).toBeInstanceOf(EspalierError);
    expect(fault).toMatchObject({ code: 'INDEX_OUT_OF_RANGE', status: 422, cause: expect.any(Error) });
    expect((fault as Error).message).toMatch(
      new RegExp(`the ${name} engine: .*(index|idx).*embedding.*the data or the model`),
    );
    const y = (await compiled.run(new Map([['indices', tensor('int64', [1, 2], [1, -1])]]))).get('y')!;
    expect([...(y.data as Float32Array)]).toEqual([3, 4, 9, 10]);
    await compiled.release();
  });
});

test('a session that onnxruntime refuses says which node it is about', async () => {
  const b = new GraphBuilder('doubles');
  const double = { dtype: 'float64' as const, shape: ['N', 1, 4, 4] };
  const w = b.constant('w', tensor('float64', [1, 1, 1, 1], [1]), 'parameter');
  b.output('y', b.op('LeakyRelu', [b.op('Conv', [b.input('x', double), w])], {}, { name: 'leaky' }));
  const engine = await openEngine({ engine: 'onnxruntime', threads: 1 });
  await expect(engine.compile(b.build())).rejects.toMatchObject({
    code: 'ENGINE_FAILED',
    message: expect.stringMatching(/the onnxruntime engine: .*graph doubles.*(Conv|leaky)/s),
  });
});

test('a kernel of onnxruntime that fails is named by the layer, without the places of its sources', async () => {
  const b = new GraphBuilder('pairs');
  const x = b.input('x', { dtype: 'float32', shape: ['N', 4] });
  b.output('y', b.op('Reshape', [x], { shape: [0, 2, 2] }, { layer: 'halves' }));
  const graph = b.build();
  const values = new Map([...graph.values, [x, { dtype: 'float32' as const, shape: ['N', 'L'] }]]);
  const engine = await openEngine({ engine: 'onnxruntime', threads: 1 });
  const compiled = await engine.compile({ ...graph, values });
  const fault = await faultOf(compiled.run(new Map([['x', tensor('float32', [1, 3], [1, 2, 3])]])));
  const message = expect.stringMatching(/halves \(Reshape\): The input tensor cannot be reshaped/);
  expect(fault).toMatchObject({ code: 'ENGINE_FAILED', message });
  await compiled.release();
});

test.runIf(CPU_ENGINE === 'native')('an op that the engine lacks is a layer that is not supported', async () => {
  const b = new GraphBuilder('deep');
  const w = b.constant('w', tensor('float32', [1, 1, 1, 1, 1], [2]), 'parameter');
  b.output(
    'y',
    b.op('Conv', [b.input('x', { dtype: 'float32', shape: ['N', 1, 1, 1, 2] }), w], {}, { layer: 'volume' }),
  );
  const engine = await openEngine({ engine: 'native', threads: 1 });
  await expect(engine.compile(b.build())).rejects.toMatchObject({
    code: 'LAYER_UNSUPPORTED',
    message: expect.stringContaining('volume'),
  });
});

describe('of any engine', () => {
  /** An engine that throws this at every point. */
  function failing(error: unknown): { engine: Engine; graph: Graph } {
    const fail = async () => {
      throw error;
    };
    const memoryBytes = () => {
      throw error;
    };
    const engine = {
      name: 'odd',
      device: 'cpu',
      threads: 1,
      compile: async () => ({ run: fail, release: async () => {}, memoryBytes }),
    };
    return { engine: withCodedFaults(engine), graph: lookUp() };
  }

  test.each([
    ['Failed to allocate memory for requested buffer of size 1024', 'OUT_OF_MEMORY'],
    ['running graph words failed: out of memory for what a run keeps', 'OUT_OF_MEMORY'],
    ['std::bad_alloc', 'OUT_OF_MEMORY'],
    ['indices[0,1] = 9 is not in [0, 5)', 'INDEX_OUT_OF_RANGE'],
    ['a driver went away', 'ENGINE_FAILED'],
  ])('%s is %s, when it runs and when it is asked for its memory', async (message, code) => {
    const { engine, graph } = failing(new Error(message));
    const compiled = await engine.compile(graph);
    const expected = { code, message: expect.stringContaining(`the odd engine: ${message}`) };
    await expect(compiled.run(new Map())).rejects.toMatchObject(expected);
    await expect((async () => compiled.memoryBytes!({}))()).rejects.toMatchObject(expected);
  });

  test.each([new TypeError('x is undefined'), new EspalierError('CANCELED', 'the job was canceled')])(
    '%s stays what it is',
    async (error) => {
      const { engine, graph } = failing(error);
      const compiled = await engine.compile(graph);
      await expect(compiled.run(new Map())).rejects.toBe(error);
    },
  );

  test('that can not tell its memory beforehand, still none is told', async () => {
    const engine = withCodedFaults({
      name: 'plain',
      device: 'cpu',
      threads: 1,
      compile: async () => ({ run: async () => new Map(), release: async () => {} }),
    });
    expect((await engine.compile(lookUp())).memoryBytes).toBeUndefined();
  });
});
