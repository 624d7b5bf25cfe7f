import { GraphBuilder } from '../../src/graph/builder.js';
import type { ConstantRole, Graph } from '../../src/graph/graph.js';
import { elementCount, tensor } from '../../src/graph/tensor.js';
import type { Random } from './random.js';

/**
 * A classifier of 12×12 images into 4 classes with every kind of layer that training differentiates: strided, grouped,
 * depthwise and dilated convolutions, batch norms, all activations, both pools, a residual sum and a concatenation.
 */
export function smallNetwork(r: Random): Graph {
  const b = new GraphBuilder('small');
  const constant = (id: string, shape: number[], values: number[], role: ConstantRole = 'parameter') =>
    b.constant(id, tensor('float32', shape, values), role);
  /** Without a bias where a norm follows: its gradient would be exactly zero, and rounding all there is to compare. */
  const conv = (x: string, layer: string, shape: number[], attrs = {}, biased = true) => {
    const bound = Math.sqrt(3 / elementCount(shape.slice(1)));
    const w = constant(`${layer}/W`, shape, r.floats(elementCount(shape), -bound, bound));
    const bias = biased ? [constant(`${layer}/b`, [shape[0]], r.floats(shape[0], -0.1, 0.1))] : [];
    return b.op('Conv', [x, w, ...bias], attrs, { layer });
  };
  const norm = (x: string, layer: string, channels: number) =>
    b.op(
      'BatchNormalization',
      [
        x,
        constant(`${layer}/scale`, [channels], r.floats(channels, 0.5, 1.5)),
        constant(`${layer}/shift`, [channels], r.floats(channels, -0.5, 0.5)),
        constant(`${layer}/mean`, [channels], r.floats(channels, -0.5, 0.5), 'statistic'),
        constant(`${layer}/variance`, [channels], r.floats(channels, 0.5, 1.5), 'statistic'),
      ],
      {},
      { layer },
    );

  const x = b.input('x', { dtype: 'float32', shape: ['N', 2, 12, 12] });
  const stem = b.op('Relu', [norm(conv(x, 'stem', [6, 2, 3, 3], { auto_pad: 'SAME_UPPER' }, false), 'stem_norm', 6)]);
  const depthwise = conv(stem, 'depthwise', [6, 1, 3, 3], { group: 6, pads: [1, 1, 1, 1] }, false);
  const clipped = b.op('Clip', [norm(depthwise, 'depthwise_norm', 6)], { min: 0, max: 6 });
  const sum = b.op('Add', [stem, conv(clipped, 'point', [6, 6, 1, 1])]);
  const strided = b.op(
    'LeakyRelu',
    [conv(sum, 'strided', [8, 3, 3, 3], { group: 2, strides: [2, 2], auto_pad: 'SAME_UPPER' })],
    { alpha: 0.1 },
  );
  const dilated = b.op('Tanh', [conv(strided, 'dilated', [4, 8, 3, 3], { dilations: [2, 2], pads: [2, 2, 2, 2] })]);
  const joined = b.op('Concat', [strided, dilated], { axis: 1 });
  const pooled = b.op('MaxPool', [joined], { kernel_shape: [3, 3], strides: [2, 2], pads: [0, 0, 1, 1] });
  const averaged = b.op('AveragePool', [b.op('Sigmoid', [pooled])], { kernel_shape: [2, 2], strides: [1, 1] });
  const flat = b.op('Flatten', [averaged]);
  const w = constant('dense/W', [4, 48], r.floats(4 * 48, -0.3, 0.3));
  const logits = b.op('Gemm', [flat, w, constant('dense/b', [4], [0, 0, 0, 0])], { transB: 1 }, { layer: 'dense' });
  b.output('probabilities', b.op('Softmax', [logits], {}, { layer: 'softmax' }));
  return b.build();
}

/** Convolution, rectifier, max pool, dense: for images as those of {@link smallNetwork}. */
export function tinyNetwork(r: Random): Graph {
  const b = new GraphBuilder('tiny');
  const weight = (id: string, shape: number[], bound: number) =>
    b.constant(id, tensor('float32', shape, r.floats(elementCount(shape), -bound, bound)), 'parameter');
  const x = b.input('x', { dtype: 'float32', shape: ['N', 2, 12, 12] });
  const conv = b.op('Conv', [x, weight('conv/W', [8, 2, 3, 3], 0.4), weight('conv/b', [8], 0.1)], {
    pads: [1, 1, 1, 1],
  });
  const pooled = b.op('MaxPool', [b.op('Relu', [conv])], { kernel_shape: [2, 2], strides: [2, 2] });
  const dense = [weight('dense/W', [288, 4], 0.1), weight('dense/b', [4], 0)];
  b.output('probabilities', b.op('Softmax', [b.op('Gemm', [b.op('Flatten', [pooled]), ...dense])]));
  return b.build();
}
