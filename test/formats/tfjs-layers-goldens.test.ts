/** Third-party LayersModels against what stock TensorFlow.js 4.22 computed for them (`golden.json`). */
import { readdirSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { openFileSet } from '../../src/archive/index.js';
import { createOnnxRuntimeEngine } from '../../src/engine/onnxruntime/index.js';
import { detectFormat } from '../../src/formats/index.js';
import type { Graph } from '../../src/graph/graph.js';
import { selectOutputs } from '../../src/graph/passes/select-outputs.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { verify } from '../../src/graph/verify.js';
import { ChannelMutator } from '../../src/pruning/mutators/index.js';
import { describeShared } from '../shared.js';
import { goldenError, readGolden } from '../support/golden.js';
import { loadStock, useCpu, useWasm } from '../support/tfjs.js';
import { relativeError, runGraph, runStock } from './run-graph.js';
import { readFiles } from './tampering.js';

const TOLERANCE = 1e-4;
const MODELS = {
  'tensorspace-mnist-keras': { transposes: 5 },
  'ml5-doodlenet-345': { transposes: 2 },
  'teachable-machine-tiny-image': { transposes: 1 },
};

beforeAll(useCpu);

async function readModel(folder: string) {
  const files = await openFileSet(folder);
  const format = await detectFormat(files);
  expect(format.id).toBe('tfjs-layers');
  return { files, model: await format.read(files) };
}

for (const [name, expected] of Object.entries(MODELS)) {
  describeShared(name, `models/tfjs-layers/${name}`, (folder) => {
    test('computes the golden outputs', async () => {
      const { model } = await readModel(folder);
      verify(model.graph);
      const golden = readGolden(folder);
      const outputs = runGraph(model.graph, golden.inputs);
      expect(outputs.length).toBe(golden.outputs.length);
      outputs.forEach((output, i) => {
        expect(goldenError(output, golden.outputs[i])).toBeLessThan(TOLERANCE);
      });
    });

    test('has transposes only where order matters', async () => {
      const { model } = await readModel(folder);
      expect(model.graph.nodes.filter((n) => n.op === 'Transpose').length).toBe(expected.transposes);
    });

    test('is written back as it was', async () => {
      const { files, model } = await readModel(folder);
      const written = await model.write(model.graph);
      expect([...written.keys()].sort()).toEqual(readdirSync(folder).sort());
      for (const [file, bytes] of written) {
        const original = await files.read(file);
        if (file !== 'model.json') expect(Buffer.compare(bytes, original), file).toBe(0);
        else expect(JSON.parse(Buffer.from(bytes).toString())).toEqual(JSON.parse(Buffer.from(original).toString()));
      }
    });

    test('loads in stock TensorFlow.js as written, and computes the same', async () => {
      const { model } = await readModel(folder);
      const stock = await loadStock(await model.write(model.graph));
      const { inputs } = readGolden(folder);
      expect(relativeError(runStock(stock, inputs), runGraph(model.graph, inputs))).toBeLessThan(TOLERANCE);
    });
  });
}

describeShared('one of several outputs', 'models/tfjs-layers/tensorspace-mnist-keras', (folder) => {
  test('names the outputs by their layers', async () => {
    const { model } = await readModel(folder);
    const names = ['Conv2D_1', 'MaxPooling2D_1', 'Conv2D_2', 'MaxPooling2D_2', 'Dense_1', 'Dense_2', 'Softmax'];
    expect(model.graph.outputs.map((o) => o.name)).toEqual(names);
  });

  test('writes the selected output alone', async () => {
    const { model } = await readModel(folder);
    const graph = selectOutputs(model.graph, ['Softmax']);
    const stock = await loadStock(await model.write(graph));
    const { inputs, outputs } = readGolden(folder);
    expect(stock.outputs.length).toBe(1);
    expect(goldenError(runStock(stock, inputs)[0], outputs[6])).toBeLessThan(TOLERANCE);
  });

  test('leaves out the layers and weights that an early output does not need', async () => {
    const { model } = await readModel(folder);
    const written = await model.write(selectOutputs(model.graph, ['MaxPooling2D_1']));
    const stock = await loadStock(written);
    const { inputs, outputs } = readGolden(folder);
    expect(stock.layers.map((l) => l.name)).toEqual(['input_1', 'reshape_1', 'Conv2D_1', 'MaxPooling2D_1']);
    expect(written.get('group1-shard1of1')!.byteLength).toBe((5 * 5 * 6 + 6) * 4);
    expect(goldenError(runStock(stock, inputs)[0], outputs[1])).toBeLessThan(TOLERANCE);
  });
});

describeShared('a model in many groups', 'models/tfjs-layers/ml5-darknet-tiny', (folder) => {
  test('is written back shard by shard', async () => {
    const { files, model } = await readModel(folder);
    verify(model.graph);
    const written = await model.write(model.graph);
    expect(written.size).toBe(readdirSync(folder).length);
    for (const [file, bytes] of written) {
      if (file.startsWith('group')) expect(Buffer.compare(bytes, await files.read(file)), file).toBe(0);
    }
  });

  test('computes the golden outputs, and pruned what its masks say, here and in stock TensorFlow.js', async () => {
    const { model } = await readModel(folder);
    const { inputs, outputs } = readGolden(folder);
    const engine = createOnnxRuntimeEngine({ threads: 1 });
    const run = async (graph: Graph) => {
      const compiled = await engine.compile(graph);
      const results = await compiled.run(new Map([[graph.inputs[0], inputs[0]]]));
      await compiled.release();
      return [...results.values()];
    };
    expect(goldenError((await run(model.graph))[0] as Tensor<'float32'>, outputs[0])).toBeLessThan(TOLERANCE);
    const mutator = new ChannelMutator();
    mutator.prepareFromSupernet(model.graph);
    mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, 0.6])));
    const written = await model.write(mutator.exportSubnet().graph);
    await useWasm();
    const stock = runStock(await loadStock(written), inputs);
    await useCpu();
    expect(relativeError(stock, (await run(mutator.maskedGraph())) as Tensor<'float32'>[])).toBeLessThan(1e-5);
  });
});

describeShared('a three-dimensional network', 'models/tfjs-layers/brainchop-meshnet11-gwm', (folder) => {
  /** The golden was made with cubes of 32 in place of the declared 256. */
  async function readAt(extent: number) {
    const files = await openFileSet(folder);
    const json = JSON.parse(Buffer.from(await files.read('model.json')).toString());
    json.modelTopology.model_config.config.layers[0].config.batch_input_shape = [null, extent, extent, extent, 1];
    const smaller = new Map<string, Uint8Array>([['model.json', new Uint8Array(Buffer.from(JSON.stringify(json)))]]);
    for (const name of files.names) if (!smaller.has(name)) smaller.set(name, await files.read(name));
    return readFiles(smaller);
  }

  async function run(graph: Graph, input: Tensor): Promise<Tensor<'float32'>> {
    const compiled = await createOnnxRuntimeEngine({ threads: 1 }).compile(graph);
    const [result] = (await compiled.run(new Map([[graph.inputs[0], input]]))).values();
    await compiled.release();
    return result as Tensor<'float32'>;
  }

  test('is read at the size that the file declares', async () => {
    const { model } = await readModel(folder);
    expect(model.graph.values.get(model.graph.inputs[0])!.shape).toEqual(['N', 256, 256, 256, 1]);
    expect(model.graph.nodes.filter((n) => n.op === 'Transpose').length).toBe(2);
  });

  test('computes the golden output, and pruned what its masks say, here and in stock TensorFlow.js', async () => {
    const model = await readAt(32);
    const { inputs, outputs } = readGolden(folder);
    expect(goldenError(await run(model.graph, inputs[0]), outputs[0])).toBeLessThan(TOLERANCE);
    const mutator = new ChannelMutator();
    mutator.prepareFromSupernet(model.graph);
    expect(mutator.mutableUnits.map((unit) => unit.numChannels)).toEqual(Array(8).fill(11));
    mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, 0.6])));
    const written = await model.write(mutator.exportSubnet().graph);
    const stock = runStock(await loadStock(written), inputs);
    expect(relativeError(stock, [await run(mutator.maskedGraph(), inputs[0])])).toBeLessThan(1e-5);
  });
});
