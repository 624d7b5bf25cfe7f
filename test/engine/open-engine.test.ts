import { availableParallelism } from 'node:os';
import { describe, expect, test } from 'vitest';
import { openEngine } from '../../src/engine/index.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { tensor } from '../../src/graph/tensor.js';
import { CPU_ENGINE } from './cpu-engine.js';

// First: the other tests load it into this process.
test('importing the engines does not load onnxruntime', () => {
  const { sharedObjects } = process.report.getReport() as unknown as { sharedObjects: string[] };
  expect(sharedObjects.length).toBeGreaterThan(0);
  expect(sharedObjects.filter((path) => path.includes('onnxruntime'))).toEqual([]);
});

test('auto is the native engine on the CPU where it is built, else onnxruntime', async () => {
  const { name, device, threads } = await openEngine({ engine: 'auto', threads: 3 });
  expect({ name, device, threads }).toEqual({ name: CPU_ENGINE, device: 'cpu', threads: 3 });
});

describe('a graph with an op that the native engine lacks', () => {
  const b = new GraphBuilder('deep');
  const w = b.constant('w', tensor('float32', [1, 1, 1, 1, 1], [2]), 'parameter');
  b.output(
    'y',
    b.op('Conv', [b.input('x', { dtype: 'float32', shape: ['N', 1, 1, 1, 2] }), w], {}, { layer: 'volume' }),
  );
  const graph = b.build();

  test('is computed by onnxruntime with auto, which says so where the native engine is built', async () => {
    const notices: string[] = [];
    const engine = await openEngine({ engine: 'auto', threads: 1, notice: (line) => notices.push(line) });
    notices.length = 0;
    const compiled = await engine.compile(graph);
    const y = (await compiled.run(new Map([['x', tensor('float32', [1, 1, 1, 1, 2], [1, -3])]]))).get('y')!;
    expect([...(y.data as Float32Array)]).toEqual([2, -6]);
    await compiled.release();
    expect(notices).toEqual(
      CPU_ENGINE === 'native'
        ? [expect.stringMatching(/^deep is computed by onnxruntime: Conv volume: .*windows/)]
        : [],
    );
  });

  test.runIf(CPU_ENGINE === 'native')('is refused by the native engine alone', async () => {
    const engine = await openEngine({ engine: 'native', threads: 1 });
    await expect(engine.compile(graph)).rejects.toThrow(/Conv volume: windows slide over one or two axes/);
  });
});

test('0 threads means as many as the machine runs at once', async () => {
  expect((await openEngine({ engine: 'onnxruntime', threads: 0 })).threads).toBe(availableParallelism());
});

test('a count of threads that is none is refused', async () => {
  await expect(openEngine({ engine: 'onnxruntime', threads: -1 })).rejects.toThrow(/threads.*-1/);
  await expect(openEngine({ engine: 'onnxruntime', threads: 1.5 })).rejects.toThrow(/threads.*1.5/);
});

describe('a device', () => {
  test('is that of the engine', async () => {
    const { name, device } = await openEngine({ engine: 'auto', device: 'cpu', threads: 1 });
    expect({ name, device }).toEqual({ name: CPU_ENGINE, device: 'cpu' });
  });

  test('that an engine never has is refused', async () => {
    await expect(openEngine({ engine: 'onnxruntime', device: 'cuda', threads: 1 })).rejects.toThrow(
      /onnxruntime is never on cuda, but on auto, cpu, webgpu/,
    );
  });

  test('that is not there is unavailable: nothing else takes its place', async () => {
    await expect(openEngine({ engine: 'auto', device: 'cuda', threads: 1 })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(/no CUDA device here: .*npm run gpu:install/),
    });
  });
});
