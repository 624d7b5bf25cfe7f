import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';

/** An untrained residual network built with stock tfjs-layers: three stages of one block each, 16, 32 and 64 channels. */
export function buildResidualNet(inputShape: [number, number, number], classes: number, seed = 1): tf.LayersModel {
  let layerSeed = seed;
  const conv = (name: string, filters: number, kernelSize: number, strides = 1) =>
    tf.layers.conv2d({
      name,
      filters,
      kernelSize,
      strides,
      padding: 'same',
      useBias: false,
      kernelInitializer: tf.initializers.heNormal({ seed: layerSeed++ }),
    });
  const norm = (name: string) => tf.layers.batchNormalization({ name, momentum: 0.9 });
  const relu = (name: string) => tf.layers.activation({ name, activation: 'relu' });

  const input = tf.input({ name: 'image', shape: inputShape });
  let x = relu('stem_relu').apply(norm('stem_bn').apply(conv('stem', 16, 3).apply(input))) as tf.SymbolicTensor;
  for (const [stage, filters] of [16, 32, 64].entries()) {
    const name = `stage${stage + 1}`;
    const strides = stage === 0 ? 1 : 2;
    let y = relu(`${name}_relu1`).apply(
      norm(`${name}_bn1`).apply(conv(`${name}_conv1`, filters, 3, strides).apply(x)),
    ) as tf.SymbolicTensor;
    y = norm(`${name}_bn2`).apply(conv(`${name}_conv2`, filters, 3).apply(y)) as tf.SymbolicTensor;
    const shortcut =
      stage === 0
        ? x
        : (norm(`${name}_bn_skip`).apply(conv(`${name}_skip`, filters, 1, strides).apply(x)) as tf.SymbolicTensor);
    x = relu(`${name}_relu2`).apply(tf.layers.add({ name: `${name}_add` }).apply([y, shortcut])) as tf.SymbolicTensor;
  }
  const pooled = tf.layers.globalAveragePooling2d({ name: 'pool' }).apply(x);
  const output = tf.layers
    .dense({
      name: 'classes',
      units: classes,
      activation: 'softmax',
      kernelInitializer: tf.initializers.glorotNormal({ seed: layerSeed++ }),
    })
    .apply(pooled) as tf.SymbolicTensor;
  return tf.model({ name: 'shapes_resnet', inputs: input, outputs: output });
}

/** Saves a model as `model.json` and `weights.bin` in a folder, as `model.save('file://…')` does with tfjs-node. */
export async function saveLayersModel(model: tf.LayersModel, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      const weights = tf.io.concatenateArrayBuffers([artifacts.weightData as ArrayBuffer].flat());
      const json = {
        format: 'layers-model',
        generatedBy: artifacts.generatedBy,
        convertedBy: artifacts.convertedBy ?? null,
        modelTopology: artifacts.modelTopology,
        weightsManifest: [{ paths: ['weights.bin'], weights: artifacts.weightSpecs }],
      };
      await writeFile(join(folder, 'weights.bin'), new Uint8Array(weights));
      await writeFile(join(folder, 'model.json'), JSON.stringify(json));
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
    }),
  );
}
