import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { openEngine } from '../../src/engine/index.js';

// First: the other tests load it into this process.
test('importing the engines does not load onnxruntime', () => {
  const { sharedObjects } = process.report.getReport() as unknown as { sharedObjects: string[] };
  expect(sharedObjects.length).toBeGreaterThan(0);
  expect(sharedObjects.filter((path) => path.includes('onnxruntime'))).toEqual([]);
});

test('auto is onnxruntime on the CPU, where there is nothing else', async () => {
  const { name, device, threads } = await openEngine({ engine: 'auto', threads: 3 });
  expect({ name, device, threads }).toEqual({ name: 'onnxruntime', device: 'cpu', threads: 3 });
});

test('0 threads means as many as the machine runs at once', async () => {
  expect((await openEngine({ engine: 'onnxruntime', threads: 0 })).threads).toBe(availableParallelism());
});

test('a count of threads that is none is refused', async () => {
  await expect(openEngine({ engine: 'onnxruntime', threads: -1 })).rejects.toThrow(/threads.*-1/);
  await expect(openEngine({ engine: 'onnxruntime', threads: 1.5 })).rejects.toThrow(/threads.*1.5/);
});
