import * as tf from '@tensorflow/tfjs';

/** ResNet-18 (He et al., 2015) with stock tfjs-layers: 224×224×3, 1,000 classes, 11.7 million weights; untrained. */
export function buildResNet18(): tf.LayersModel {
  let seed = 1;
  const conv = (x: tf.SymbolicTensor, name: string, filters: number, kernelSize: number, strides: number) => {
    const kernelInitializer = tf.initializers.heNormal({ seed: seed++ });
    const layer = tf.layers.conv2d({
      name,
      filters,
      kernelSize,
      strides,
      padding: 'same',
      useBias: false,
      kernelInitializer,
    });
    return tf.layers.batchNormalization({ name: `${name}_bn` }).apply(layer.apply(x)) as tf.SymbolicTensor;
  };
  const relu = (x: tf.SymbolicTensor) => tf.layers.reLU().apply(x) as tf.SymbolicTensor;
  const input = tf.input({ shape: [224, 224, 3] });
  let x = relu(conv(input, 'stem', 64, 7, 2));
  x = tf.layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' }).apply(x) as tf.SymbolicTensor;
  for (const [stage, filters] of [64, 128, 256, 512].entries()) {
    for (const block of [0, 1]) {
      const name = `layer${stage + 1}_${block}`;
      const strides = stage > 0 && block === 0 ? 2 : 1;
      const y = conv(relu(conv(x, `${name}_conv1`, filters, 3, strides)), `${name}_conv2`, filters, 3, 1);
      const skip = strides === 2 ? conv(x, `${name}_skip`, filters, 1, 2) : x;
      x = relu(tf.layers.add().apply([y, skip]) as tf.SymbolicTensor);
    }
  }
  const pooled = tf.layers.globalAveragePooling2d({}).apply(x);
  const dense = tf.layers.dense({ units: 1000, kernelInitializer: tf.initializers.glorotNormal({ seed: seed++ }) });
  return tf.model({ inputs: input, outputs: dense.apply(pooled) as tf.SymbolicTensor });
}
