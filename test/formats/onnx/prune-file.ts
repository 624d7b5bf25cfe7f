import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { expect } from 'vitest';
import { openEngine } from '../../../src/engine/index.js';
import type { LoadedModel } from '../../../src/formats/index.js';
import { type Graph, getSpec } from '../../../src/graph/graph.js';
import { type Tensor, tensor } from '../../../src/graph/tensor.js';
import { verify } from '../../../src/graph/verify.js';
import { decodeModel, type GraphProto } from '../../../src/onnx-proto/index.js';
import { ChannelMutator } from '../../../src/pruning/index.js';
import { relativeError } from '../../engine/agreement.js';
import { readOnnxBytes } from '../../support/onnx-files.js';
import { randomSpares } from '../../support/random-spares.js';
import { seededRandom } from '../../support/seeded-random.js';
import { checkOnnxFile, hasChecker } from './checker.js';

const random = seededRandom(11);

export function randomFeeds(graph: Graph, batch: number): Map<string, Tensor> {
  return new Map(
    graph.inputs.map((id) => {
      const shape = getSpec(graph, id).shape.map((d) => (typeof d === 'number' ? d : batch));
      const size = shape.reduce((n, d) => n * d, 1);
      return [
        id,
        tensor(
          'float32',
          shape,
          Float32Array.from({ length: size }, () => random() * 2 - 1),
        ),
      ];
    }),
  );
}

export async function run(graph: Graph, feeds: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>> {
  const compiled = await (await openEngine({ engine: 'onnxruntime', threads: 1 })).compile(graph);
  const found = await compiled.run(feeds);
  await compiled.release();
  return found;
}

export function expectSame(
  found: ReadonlyMap<string, Tensor>,
  expected: ReadonlyMap<string, Tensor>,
  most = 1e-5,
): void {
  for (const [name, t] of expected) {
    const own = found.get(name)!;
    expect([...own.shape], name).toEqual([...t.shape]);
    expect(relativeError(own.data as Float32Array, t.data as Float32Array), name).toBeLessThanOrEqual(most);
  }
}

/** Runs the bytes themselves; floats of 16 bits and 64 aren't. */
export async function runBytes(bytes: Uint8Array, feeds: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const inputs = [...feeds].map(([id, t]) => [id, new ort.Tensor('float32', t.data as Float32Array, t.shape)]);
  const outputs = await session.run(Object.fromEntries(inputs));
  await session.release();
  return new Map(Object.entries(outputs).map(([name, t]) => [name, tensor('float32', t.dims, t.data as Float32Array)]));
}

export interface Pruned {
  readonly model: LoadedModel;
  readonly mutator: ChannelMutator;
  readonly written: Uint8Array;
  readonly proto: GraphProto;
}

/** Halves every unit, sets spare biases where there are some, and holds the written file against the masked model, against its own bytes, and onnx.checker. */
export async function prune(
  bytes: Uint8Array,
  { fileRuns = true, most = 1e-5, batch = 1, spareBiases = false } = {},
): Promise<Pruned> {
  const model = await readOnnxBytes(bytes, 'model.onnx', { spareBiases });
  verify(model.graph);
  const feeds = randomFeeds(model.graph, batch);
  if (fileRuns) expectSame(await run(model.graph, feeds), await runBytes(bytes, feeds));
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(model.graph);
  mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, 0.5])));
  mutator.setWeights(randomSpares(model.graph, random));
  const { graph } = mutator.exportSubnet();
  const written = (await model.write(graph)).get('model.onnx')!;
  const again = await readOnnxBytes(written);
  expectSame(await run(again.graph, feeds), await run(mutator.maskedGraph(), feeds), most);
  if (fileRuns) expectSame(await runBytes(written, feeds), await run(again.graph, feeds));
  if (hasChecker && fileRuns) {
    const path = join(await mkdtemp(join(tmpdir(), 'espalier-onnx-')), 'model.onnx');
    await writeFile(path, written);
    await checkOnnxFile(path);
  }
  return { model, mutator, written, proto: decodeModel(written).graph! };
}
