/** A whole job over HTTP on an ONNX file, against the built program in a process of its own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { createClient } from '../../src/client/index.js';
import { decodeModel } from '../../src/onnx-proto/index.js';
import { describeShared } from '../shared.js';
import { type RunningProcess, startApi, temporaryFolder } from './processes.js';

const folder = temporaryFolder();
const running: RunningProcess[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((process) => process.end()));
});
afterAll(() => folder.remove());

describeShared('ort-mnist-cntk over HTTP', 'models/onnx/ort-mnist-cntk', (models) => {
  test('one .onnx file comes in, one goes out, with narrower tensors', async () => {
    const api = await startApi({ DATA_DIR: folder.path });
    running.push(api);
    const client = createClient({ url: api.url });
    const job = await client.waitForJob((await client.submit({ model: join(models, 'mnist.onnx') })).id);
    expect(job.error).toBeNull();
    expect(job.result!.pruned.macs).toBeLessThanOrEqual(job.result!.baseline.macs / 2);
    expect((await client.artifacts(job.id)).map((artifact) => artifact.name).sort()).toEqual([
      'model.onnx',
      'report.json',
    ]);
    const model = await fetch(`${api.url}/models/${job.model}`).then((r) => r.json());
    expect(model).toMatchObject({ format: 'onnx', inputs: [{ name: 'Input3', shape: [null, 1, 28, 28] }] });
    const path = join(folder.path, 'pruned.onnx');
    await client.downloadModel(job.id, path);
    const graph = decodeModel(readFileSync(path)).graph!;
    expect(graph.name).toBe('CNTKGraph');
    expect(Number(graph.initializer.find((t) => t.name === 'Parameter5')!.dims[0])).toBeLessThan(8);
  }, 120_000);
});
