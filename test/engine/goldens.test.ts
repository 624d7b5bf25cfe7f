/** Third-party LayersModels on the engine, against what stock TensorFlow.js 4.22 computed for them (`golden.json`). */
import { expect, test } from 'vitest';
import { openFileSet } from '../../src/archive/index.js';
import { openEngine } from '../../src/engine/index.js';
import { detectFormat } from '../../src/formats/index.js';
import { describeShared } from '../shared.js';
import { goldenError, readGolden } from '../support/golden.js';

const MODELS = ['tensorspace-mnist-keras', 'ml5-doodlenet-345', 'ml5-darknet-tiny', 'teachable-machine-tiny-image'];

for (const name of MODELS) {
  describeShared(name, `models/tfjs-layers/${name}`, (folder) => {
    test('computes every golden output within 1e-4', async () => {
      const files = await openFileSet(folder);
      const { graph } = await (await detectFormat(files)).read(files);
      const { inputs, outputs } = readGolden(folder);
      const compiled = await (await openEngine({ engine: 'auto', threads: 0 })).compile(graph);
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
