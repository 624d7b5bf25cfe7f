/** Third-party LayersModels on both engines, against what stock TensorFlow.js 4.22 computed for them (`golden.json`). */
import { expect, test } from 'vitest';
import { fileSetOf, openFileSet } from '../../src/archive/index.js';
import { type Engine, openEngine } from '../../src/engine/index.js';
import { detectFormat } from '../../src/formats/index.js';
import type { Graph } from '../../src/graph/graph.js';
import { describeShared } from '../shared.js';
import { goldenError, readGolden } from '../support/golden.js';
import { engineOn } from './tensorflow/backends.js';

/** For each the input's shape that its golden was made with, where that is not the one that the file declares. */
const MODELS: Readonly<Record<string, readonly (number | null)[] | undefined>> = {
  'tensorspace-mnist-keras': undefined,
  'ml5-doodlenet-345': undefined,
  'ml5-darknet-tiny': undefined,
  'teachable-machine-tiny-image': undefined,
  'brainchop-meshnet11-gwm': [null, 32, 32, 32, 1],
};

async function openModel(folder: string, inputShape: readonly (number | null)[] | undefined): Promise<Graph> {
  const files = await openFileSet(folder);
  const bytes = new Map<string, Uint8Array>();
  for (const name of files.names) bytes.set(name, await files.read(name));
  if (inputShape) {
    const json = JSON.parse(Buffer.from(bytes.get('model.json')!).toString());
    json.modelTopology.model_config.config.layers[0].config.batch_input_shape = inputShape;
    bytes.set('model.json', new Uint8Array(Buffer.from(JSON.stringify(json))));
  }
  const set = fileSetOf(bytes);
  return (await (await detectFormat(set)).read(set)).graph;
}

const ENGINES: Readonly<Record<string, () => Promise<Engine>>> = {
  onnxruntime: () => openEngine({ engine: 'onnxruntime', threads: 0 }),
  'tensorflow on WebAssembly': () => engineOn('wasm'),
};

for (const [name, inputShape] of Object.entries(MODELS)) {
  describeShared(name, `models/tfjs-layers/${name}`, (folder) => {
    test.each(Object.keys(ENGINES))('every golden output within 1e-4, by %s', async (engine) => {
      const graph = await openModel(folder, inputShape);
      const { inputs, outputs } = readGolden(folder);
      const compiled = await (await ENGINES[engine]()).compile(graph);
      const found = await compiled.run(new Map(graph.inputs.map((id, i) => [id, inputs[i]])));
      await compiled.release();
      expect(outputs.length).toBe(graph.outputs.length);
      outputs.forEach((golden, i) => {
        const { name: output } = graph.outputs[i];
        const { shape, data } = found.get(output)!;
        expect(goldenError({ shape, data: data as Float32Array }, golden), output).toBeLessThan(1e-4);
      });
    });
  });
}
