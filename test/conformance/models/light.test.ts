/** ONNX's light models: networks of the usual sizes whose weights are made up by `ConstantOfShape`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { openEngine } from '../../../src/engine/index.js';
import { decodeTensor, TensorProtoSchema } from '../../../src/onnx-proto/index.js';
import { ChannelMutator } from '../../../src/pruning/index.js';
import { relativeError } from '../../engine/agreement.js';
import { describeShared } from '../../shared.js';
import { readOnnx } from '../../support/onnx-files.js';

/** Units that can be pruned. */
const UNITS: Readonly<Record<string, number>> = {
  bvlc_alexnet: 5,
  resnet50: 37,
  squeezenet: 25,
  vgg19: 18,
  zfnet512: 5,
};

describeShared('light ONNX models', 'conformance/onnx/light', (folder) => {
  test.each(Object.entries(UNITS))('%s is read, computes what it should, and has %i units', async (name, units) => {
    const { graph } = await readOnnx(join(folder, `light_${name}.onnx`));
    const mutator = new ChannelMutator();
    mutator.prepareFromSupernet(graph);
    expect(mutator.mutableUnits.length).toBe(units);

    const expected = decodeTensor(
      fromBinary(TensorProtoSchema, readFileSync(join(folder, `light_${name}_output_0.pb`))),
    );
    const compiled = await (await openEngine({ engine: 'onnxruntime', threads: 2 })).compile(graph);
    const [input] = graph.inputs;
    const data = Float32Array.from({ length: 3 * 224 * 224 }, (_, i) => i / (3 * 224 * 224));
    const found = await compiled.run(new Map([[input, { dtype: 'float32', shape: [1, 3, 224, 224], data }]]));
    await compiled.release();
    const [output] = found.values();
    expect([...output.shape]).toEqual([...expected.shape]);
    expect(relativeError(output.data as Float32Array, expected.data as Float32Array)).toBeLessThan(1e-4);
  });
});
