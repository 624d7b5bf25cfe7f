/** Whole jobs whose certificate has to fail, and jobs whose engines disagree: faults are put between the stages. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { openFileSet, writeZip } from '../../src/archive/index.js';
import type { JobOutcome, JobSpec } from '../../src/contract.js';
import type { Engine, openEngine } from '../../src/engine/index.js';
import { EspalierError } from '../../src/errors.js';
import type { Graph, Node } from '../../src/graph/graph.js';
import {
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  decodeModel,
  decodeTensor,
  encodeModel,
  encodeTensor,
  type ModelProto,
  type TypeProto_Tensor,
} from '../../src/onnx-proto/index.js';
import { runJob } from '../../src/pipeline/index.js';
import { resolveConfig } from '../../src/prune-config/index.js';
import { CPU_ENGINE } from '../engine/cpu-engine.js';
import { tensorFlowPackage, withPackages } from '../engine/tensorflow/stand-in-package.js';
import { type ModelSketch, onnxModel } from '../formats/onnx/onnx-models.js';
import { ints, PLAIN, weights } from '../formats/onnx/plain-net.js';
import { type JobBench, openJobBench, smallClassifier } from '../support/job-bench.js';
import { useCpu } from '../support/tfjs.js';
import { wrongEngine } from '../support/wrong-engine.js';

type Open = typeof openEngine;

const faults = vi.hoisted(() => ({
  /** Changes the file between writing it and reading it back. */
  tamper: undefined as ((path: string) => Promise<void>) | undefined,
  /** Opens engines that are wrong, or not there. */
  open: undefined as ((open: Open, options: Parameters<Open>[0]) => Promise<Engine>) | undefined,
}));

vi.mock('../../src/pipeline/artifacts.js', async (original) => {
  const module = await original<typeof import('../../src/pipeline/artifacts.js')>();
  return {
    ...module,
    async writeModel(...args: Parameters<typeof module.writeModel>) {
      const written = await module.writeModel(...args);
      await faults.tamper?.(written.path);
      return written;
    },
  };
});

vi.mock('../../src/engine/index.js', async (original) => {
  const module = await original<typeof import('../../src/engine/index.js')>();
  const opened: Open = (options) =>
    faults.open ? faults.open(module.openEngine, options) : module.openEngine(options);
  return { ...module, openEngine: opened };
});

afterEach(() => {
  faults.tamper = undefined;
  faults.open = undefined;
});

let bench: JobBench;
beforeAll(async () => {
  await useCpu();
  bench = await openJobBench(smallClassifier(), { train: 64, validation: 20 });
});

const CONFIG = { target: { macs: 0.5 } };
const TRAINED = { ...CONFIG, finetune: { epochs: 2, batch_size: 16 } };
const isNative = CPU_ENGINE === 'native';

/** The native engine with some kernels wrong, whoever opens it. */
function wrongNative(isWrong: (node: Node, graph: Graph) => boolean, scale?: number): void {
  faults.open = async (open, options) => {
    const engine = await open(options);
    return engine.name === 'native' ? wrongEngine(engine, isWrong, scale) : engine;
  };
}

/** Nothing to compute with but onnxruntime. */
function onnxRuntimeOnly(): void {
  faults.open = async (open, options) => {
    if (options.engine === 'native')
      throw new EspalierError('UNAVAILABLE', 'there is no native engine here: it is not built');
    return open({ ...options, engine: options.engine === 'tensorflow' ? 'tensorflow' : 'onnxruntime' });
  };
}

const isSecondConv = ({ op, layer }: Node) => op === 'Conv' && (layer === 'conv2' || layer === 'c2');

const scaleBy = (bytes: Uint8Array, from: number, length: number): void => {
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset + from, bytes.byteOffset + from + length));
  bytes.set(new Uint8Array(values.map((v) => v * 1.01).buffer), from);
};

/** All weights of one convolution of a TF.js model, times 1.01. */
async function scaleKernel(path: string): Promise<void> {
  const set = await openFileSet(path, { name: 'model.zip' });
  const files = new Map<string, Uint8Array>();
  for (const name of set.names) files.set(name, Uint8Array.from(await set.read(name)));
  await set.close();
  const { weightsManifest } = JSON.parse(Buffer.from(files.get('model.json')!).toString());
  let offset = 0;
  for (const { name, shape } of weightsManifest[0].weights as { name: string; shape: number[] }[]) {
    const length = 4 * shape.reduce((a, b) => a * b, 1);
    if (name === 'conv2/kernel') scaleBy(files.get(weightsManifest[0].paths[0])!, offset, length);
    offset += length;
  }
  await writeZip(files, path);
}

const editOnnx = (edit: (model: ModelProto) => void) => async (path: string) => {
  const model = decodeModel(new Uint8Array(await readFile(path)));
  edit(model);
  await writeFile(path, encodeModel(model));
};

const scaleInitializer = editOnnx(({ graph }) => {
  const tensor = graph!.initializer.find(({ name }) => name === 'c2.weight')!;
  tensor.rawData = Uint8Array.from(tensor.rawData);
  scaleBy(tensor.rawData, 0, tensor.rawData.length);
});

const quiet = { phase() {}, progress() {}, metric() {}, warning() {} };

/** A job without data on ONNX files: one, or several in a folder. */
async function runOnnx(
  files: Readonly<Record<string, Uint8Array>>,
  { config = CONFIG as object, engine = 'auto' as JobSpec['engine'] } = {},
): Promise<JobOutcome & { readonly logs: readonly string[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-certificate-'));
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
  const [name, ...others] = Object.keys(files);
  const path = others.length === 0 ? join(folder, name) : folder;
  const logs: string[] = [];
  const outcome = await runJob(
    {
      jobId: 'job_1',
      model: { path, name: others.length === 0 ? name : 'model', sha256: name },
      config: resolveConfig(config, { hasDataset: false }),
      outDir: await mkdtemp(join(tmpdir(), 'espalier-certificate-')),
      checkpointDir: await mkdtemp(join(tmpdir(), 'espalier-certificate-')),
      engine,
      threads: 1,
    },
    { ...quiet, log: (line) => logs.push(line) },
    new AbortController().signal,
  );
  return { ...outcome, logs };
}

const bytesOf = (sketch: ModelSketch) => ({ 'model.onnx': new Uint8Array(encodeModel(onnxModel(sketch))) });
const plain = bytesOf(PLAIN);

describe('what runs on what', () => {
  const other = isNative ? 'native' : 'onnxruntime';

  test('a file of another format is read back and run on onnxruntime', async () => {
    const { outcome, recording } = await bench.run(CONFIG, { data: false });
    expect(outcome.result!.equivalence).toMatchObject({
      ok: true,
      limit: 1e-4,
      engines: { names: [other, 'onnxruntime'], delivered: 'graph' },
    });
    if (isNative) {
      const { original } = outcome.result!.equivalence!.engines;
      expect(original).toBeGreaterThanOrEqual(0);
      expect(original).toBeLessThan(1e-5);
    }
    const line = `certificate: the masked original runs on ${other}, what is read from the delivered file on onnxruntime`;
    expect(recording.logs.some((log) => log.startsWith(line))).toBe(true);
  });

  test('an ONNX file runs on onnxruntime by its own bytes', async () => {
    const { result, logs } = await runOnnx(plain);
    expect(result!.equivalence).toMatchObject({
      ok: true,
      engines: { names: [other, 'onnxruntime'], delivered: 'file' },
    });
    expect(logs.some((log) => log.includes('the delivered file itself on onnxruntime'))).toBe(true);
  });

  test('with weights beside it, too', async () => {
    const model = onnxModel(PLAIN);
    const values = weights(8, 3, 3, 3);
    const outside = model.graph!.initializer.find(({ name }) => name === 'c1.weight')!;
    outside.rawData = new Uint8Array();
    outside.dataLocation = DataLocation.EXTERNAL;
    outside.externalData = [{ $typeName: 'onnx.StringStringEntryProto', key: 'location', value: 'weights.bin' }];
    const files = {
      'model.onnx': new Uint8Array(encodeModel(model)),
      'weights.bin': new Uint8Array(values.data.buffer),
    };
    const { result } = await runOnnx(files);
    expect(result!.equivalence).toMatchObject({ ok: true, engines: { delivered: 'file' } });
  });

  test('with an input that only an output reads that is not kept', async () => {
    const two: ModelSketch = {
      ...PLAIN,
      inputs: { ...PLAIN.inputs, z: [1, 4] },
      outputs: { ...PLAIN.outputs, w: [1, 4] },
      nodes: [...PLAIN.nodes, ['Relu', ['z'], ['w'], {}]],
    };
    const { result } = await runOnnx(bytesOf(two), { config: { ...CONFIG, outputs: ['y'] } });
    expect(result!.equivalence).toMatchObject({ ok: true, engines: { delivered: 'file' } });
  });

  test('a file that onnxruntime does not take is read back and run, and the result says why', async () => {
    const { result } = await runOnnx(bytesOf({ ...PLAIN, irVersion: 99 }));
    expect(result!.equivalence).toMatchObject({
      ok: true,
      engines: {
        names: [other, 'onnxruntime'],
        delivered: 'graph',
        reason: expect.stringMatching(/onnxruntime doesn't take the file itself: .*IR version/),
      },
    });
  });

  test('nor is one whose values are rounded to half floats on the way, or whose weights are', async () => {
    const halves: ModelSketch = {
      ...PLAIN,
      nodes: PLAIN.nodes.flatMap((node): ModelSketch['nodes'] =>
        node[0] !== 'Flatten'
          ? [node]
          : [
              ['Cast', ['d'], ['d16'], { to: 10 }],
              ['Cast', ['d16'], ['d32'], { to: 1 }],
              ['Flatten', ['d32'], ['e']],
            ],
      ),
    };
    const { result } = await runOnnx(bytesOf(halves));
    expect(result!.equivalence).toMatchObject({
      ok: true,
      engines: { delivered: 'graph', reason: 'the file itself computes in a float narrower than float32' },
    });
    const model = onnxModel(PLAIN);
    for (const [i, t] of model.graph!.initializer.entries())
      model.graph!.initializer[i] = encodeTensor(t.name, decodeTensor(t), DataType.FLOAT16);
    for (const { type } of [...model.graph!.input, ...model.graph!.output, ...model.graph!.valueInfo])
      (type!.value as { value: TypeProto_Tensor }).value.elemType = DataType.FLOAT16;
    const rounded = await runOnnx({ 'model.onnx': new Uint8Array(encodeModel(model)) });
    expect(rounded.result!.equivalence).toMatchObject({
      ok: true,
      quantization_error: 0,
      engines: { delivered: 'graph', reason: expect.stringMatching(/^weights are compared before they are rounded/) },
    });
  });

  test.runIf(isNative)('trained on onnxruntime, the native engine is the other one', async () => {
    const ofFile = await runOnnx(plain, { engine: 'onnxruntime' });
    expect(ofFile.result!.equivalence!.engines).toMatchObject({ names: ['native', 'onnxruntime'], delivered: 'file' });
    const { outcome } = await bench.run(CONFIG, { data: false, engine: 'onnxruntime' });
    expect(outcome.result!.equivalence!.engines).toMatchObject({
      names: ['onnxruntime', 'native'],
      delivered: 'graph',
    });
  });

  test('with no other engine both sides run on onnxruntime, and the result says so', async () => {
    onnxRuntimeOnly();
    const { outcome } = await bench.run(CONFIG, { data: false });
    expect(outcome.result!.equivalence).toMatchObject({
      ok: true,
      limit: 1e-4,
      engines: {
        names: ['onnxruntime', 'onnxruntime'],
        original: null,
        reason: expect.stringMatching(/no native engine here.*; there is no tensorflow engine here/),
      },
    });
  });

  test('without the native engine TensorFlow is the other one, where it is installed', async () => {
    onnxRuntimeOnly();
    await withPackages([tensorFlowPackage('@tensorflow/tfjs-node', false)], async () => {
      const ofFile = await runOnnx(plain);
      expect(ofFile.result!.equivalence!.engines).toMatchObject({ names: ['tensorflow', 'onnxruntime'] });
      const { outcome } = await bench.run(CONFIG, { data: false });
      expect(outcome.result!.equivalence).toMatchObject({
        ok: true,
        engines: { names: ['onnxruntime', 'tensorflow'] },
      });
    });
  });

  test.runIf(isNative)('a graph that the native engine leaves to onnxruntime is not judged by native', async () => {
    const { 'c2.weight': _, ...others } = PLAIN.weights!;
    const volume: ModelSketch = {
      inputs: { x: [1, 3, 4, 4, 4] },
      outputs: { y: [1, 5] },
      weights: { ...others, 'c1.weight': weights(8, 3, 3, 3, 3), 'fc.weight': weights(5, 8) },
      nodes: [
        ['Conv', ['x', 'c1.weight', 'c1.bias'], ['a'], { kernel_shape: [3, 3, 3] }],
        ['GlobalAveragePool', ['a'], ['d']],
        ['Flatten', ['d'], ['e']],
        ['Gemm', ['e', 'fc.weight', 'fc.bias'], ['y'], { transB: 1 }],
      ],
    };
    const { result } = await runOnnx(bytesOf(volume));
    expect(result!.equivalence!.engines).toMatchObject({
      names: ['onnxruntime', 'onnxruntime'],
      original: null,
      delivered: 'file',
      reason: expect.stringContaining("native doesn't compute this model: Conv c1: windows slide over one or two axes"),
    });
  });
});

describe('it fails', () => {
  const failsAt = (layer: string) => ({
    code: 'CERTIFICATE_FAILED',
    message: expect.stringContaining(`the first layer that differs is ${layer} (Conv), by 0.0`),
  });

  test('when the weights of one convolution are scaled by 1.01 in a TF.js file', async () => {
    faults.tamper = scaleKernel;
    await expect(bench.run(CONFIG, { data: false })).rejects.toMatchObject(failsAt('conv2'));
  });

  test('and after training', async () => {
    faults.tamper = scaleKernel;
    await expect(bench.run(TRAINED)).rejects.toMatchObject(failsAt('conv2'));
  });

  test('and in an ONNX file', async () => {
    faults.tamper = scaleInitializer;
    await expect(runOnnx(plain)).rejects.toMatchObject(failsAt('c2'));
  });

  test('and where the file gives nothing but the places of the largest', async () => {
    const first: ModelSketch = {
      ...PLAIN,
      outputs: { places: [1, 2] },
      weights: { ...PLAIN.weights, k: ints(2) },
      nodes: [...PLAIN.nodes, ['TopK', ['y', 'k'], ['most', 'places'], {}]],
    };
    const model = onnxModel(first);
    (model.graph!.output[0].type!.value as { value: TypeProto_Tensor }).value.elemType = DataType.INT64;
    const files = { 'model.onnx': new Uint8Array(encodeModel(model)) };
    expect((await runOnnx(files)).result!.equivalence!.ok).toBe(true);
    faults.tamper = scaleInitializer;
    await expect(runOnnx(files)).rejects.toMatchObject(failsAt('c2'));
  });

  test.each<[string, (model: ModelProto) => void, string]>([
    [
      'take',
      (model) => {
        model.irVersion = 99n;
      },
      'IR version',
    ],
    [
      'run',
      // Another batch than the samples', which the graph that is read from it leaves open.
      ({ graph }) => {
        const type = graph!.input[0].type!.value as { value: TypeProto_Tensor };
        type.value.shape!.dim[0].value = { case: 'dimValue', value: 5n };
      },
      'invalid dimensions',
    ],
  ])('when onnxruntime does not %s the file that was written', async (_, edit, said) => {
    faults.tamper = editOnnx(edit);
    await expect(runOnnx(plain)).rejects.toMatchObject({
      code: 'CERTIFICATE_FAILED',
      message: expect.stringMatching(
        new RegExp(`runs the file that came in and not the one that was written: [^]*${said}`),
      ),
    });
  });

  const inMasked = (node: Node, { name }: Graph) => isSecondConv(node) && name.endsWith('/masked');

  test.runIf(isNative)('when a native kernel is wrong in what is certified', async () => {
    wrongNative(inMasked);
    await expect(bench.run(CONFIG, { data: false })).rejects.toMatchObject(failsAt('conv2'));
    await expect(runOnnx(plain)).rejects.toMatchObject(failsAt('c2'));
  });

  test.runIf(isNative)('when it is native that runs what onnxruntime trained', async () => {
    // Right on the original, with all of its channels.
    wrongNative((node, { values }) => isSecondConv(node) && values.get(node.outputs[0])?.shape[1] !== 12);
    await expect(bench.run(TRAINED, { engine: 'onnxruntime' })).rejects.toMatchObject(failsAt('conv2'));
  });

  test('before any work, when onnxruntime makes something else of the file than was read', async () => {
    faults.open = async (open, options) => {
      const engine = await open(options);
      return wrongEngine(engine, isSecondConv);
    };
    await expect(runOnnx(plain)).rejects.toMatchObject({
      code: 'CERTIFICATE_FAILED',
      message: expect.stringContaining('differs by 0.0'),
    });
  });
});

describe.runIf(isNative)('engines that disagree about the original', () => {
  const disagreement = (outcome: JobOutcome) => outcome.warnings.filter(({ code }) => code === 'ENGINES_DISAGREE');

  test('the job ends right, on onnxruntime, and the warning names the layer', async () => {
    wrongNative(isSecondConv);
    const { outcome, outDir, recording } = await bench.run(TRAINED);
    expect(outcome.status).toBe('succeeded');
    expect(outcome.result!.engine).toEqual({ name: 'onnxruntime', device: 'cpu' });
    expect(disagreement(outcome)).toEqual([
      {
        code: 'ENGINES_DISAGREE',
        message: expect.stringMatching(
          /^native and onnxruntime differ by 0\.\d+ .*; the first layer that differs is conv2 \(Conv\), by 0\.0\d+\. The job is computed with onnxruntime$/,
        ),
      },
    ]);
    const { equivalence } = outcome.result!;
    expect(equivalence).toMatchObject({
      ok: true,
      limit: 1e-4,
      engines: {
        names: ['onnxruntime', 'onnxruntime'],
        reason: expect.stringMatching(/^native and onnxruntime differ/),
      },
    });
    expect(equivalence!.engines.original).toBeGreaterThan(1e-3);
    expect(recording.logs).toContain('computing with onnxruntime on cpu, threads: 1');
    // As it would have come out on onnxruntime from the start.
    faults.open = undefined;
    const right = await bench.run(TRAINED, { engine: 'onnxruntime' });
    const [model, expected] = await Promise.all([outDir, right.outDir].map((dir) => readFile(join(dir, 'model.zip'))));
    expect(model.equals(expected)).toBe(true);
  });

  test('the file of an ONNX model still runs by its own bytes', async () => {
    wrongNative(isSecondConv);
    const outcome = await runOnnx(plain);
    expect(disagreement(outcome)).toHaveLength(1);
    expect(outcome.result!.equivalence!.engines).toMatchObject({
      names: ['onnxruntime', 'onnxruntime'],
      delivered: 'file',
    });
  });

  test('an engine that gives no numbers disagrees', async () => {
    wrongNative(isSecondConv, Number.NaN);
    const { outcome } = await bench.run(TRAINED);
    expect(disagreement(outcome)).toMatchObject([
      { message: expect.stringContaining('the first layer that differs is conv2 (Conv), by a NaN or an infinity') },
    ]);
    expect(outcome.result!.equivalence).toMatchObject({ ok: true, engines: { original: null } });
  });

  test('a fault of the other engine is told, too, and it judges nothing', async () => {
    wrongNative(isSecondConv);
    const { outcome } = await bench.run(CONFIG, { data: false, engine: 'onnxruntime' });
    expect(disagreement(outcome)).toHaveLength(1);
    expect(outcome.result!.equivalence).toMatchObject({ ok: true, engines: { names: ['onnxruntime', 'onnxruntime'] } });
  });

  test('an engine that is a little off widens the limit, which the result says', async () => {
    wrongNative(isSecondConv, 1.0002);
    const { outcome } = await bench.run(CONFIG, { data: false });
    const { limit, engines, ok } = outcome.result!.equivalence!;
    expect(ok).toBe(true);
    expect(engines).toMatchObject({ names: ['native', 'onnxruntime'] });
    expect(engines.original).toBeGreaterThan(1e-4 / 3);
    expect(limit).toBe(3 * engines.original!);
  });

  test('stopped and resumed, the job does the same', async () => {
    wrongNative(isSecondConv);
    const undisturbed = await bench.run(TRAINED);
    const checkpointDir = join(bench.folder, 'disagreeing');
    const abort = new AbortController();
    const stopped = await bench.run(TRAINED, {
      checkpointDir,
      signal: abort.signal,
      onMetric: ({ name, epoch }) => name === 'train_loss' && epoch === 1 && abort.abort(new Error('canceled')),
    });
    // Canceled, it is certified as any other.
    expect(stopped.outcome.status).toBe('canceled');
    expect(stopped.outcome.result!.equivalence).toMatchObject({ ok: true });
    const { outcome, outDir, recording } = await bench.run(TRAINED, { checkpointDir });
    expect(recording.logs.some((log) => log.startsWith('resumed after'))).toBe(true);
    expect(disagreement(outcome)).toEqual(disagreement(undisturbed.outcome));
    expect(outcome.result!.equivalence).toEqual(undisturbed.outcome.result!.equivalence);
    const files = [outDir, undisturbed.outDir].map((dir) => readFile(join(dir, 'model.zip')));
    const [model, expected] = await Promise.all(files);
    expect(model.equals(expected)).toBe(true);
  });
});
