import { GraphBuilder } from '../../src/graph/builder.js';
import type { Attrs, Graph } from '../../src/graph/graph.js';
import { seededRandom } from '../support/seeded-random.js';
import { randomTensor } from './random.js';

/** Layers on a builder, with random weights. */
export function layers(b: GraphBuilder, seed: number) {
  const random = seededRandom(seed);
  const parameter = (id: string, shape: number[], low = -1, high = 1): string =>
    b.constant(id, randomTensor(random, shape, low, high), 'parameter');
  const channels = (x: string): number => b.spec(x).shape[1] as number;
  return {
    conv: (name: string, x: string, filters: number, kernel: number, attrs: Attrs = {}): string => {
      const perGroup = channels(x) / Number(attrs.group ?? 1);
      const w = parameter(`${name}/kernel`, [filters, perGroup, kernel, kernel]);
      return b.op('Conv', [x, w, parameter(`${name}/bias`, [filters])], attrs, { layer: name });
    },
    norm: (name: string, x: string, attrs: Attrs = { epsilon: 1e-3, momentum: 0.8 }): string => {
      const c = [channels(x)];
      const statistic = (id: string, low: number, high: number): string =>
        b.constant(`${name}/${id}`, randomTensor(random, c, low, high), 'statistic');
      const inputs = [x, parameter(`${name}/gamma`, c, 0.5, 1.5), parameter(`${name}/beta`, c)];
      return b.op('BatchNormalization', [...inputs, statistic('mean', -0.5, 0.5), statistic('var', 0.5, 1.5)], attrs, {
        layer: name,
      });
    },
    dense: (name: string, x: string, units: number): string => {
      const w = parameter(`${name}/kernel`, [channels(x), units]);
      return b.op('Gemm', [x, w, parameter(`${name}/bias`, [units])], {}, { layer: name });
    },
  };
}

/** conv-bn-relu, a residual block, a depthwise branch concatenated, pools, dropout, dense, softmax; batch symbolic. */
export function mixedNet(seed = 5): Graph {
  const b = new GraphBuilder('mixed');
  const { conv, norm, dense } = layers(b, seed);
  const x = b.input('image', { dtype: 'float32', shape: ['N', 2, 8, 8] });
  const stem = b.op(
    'Relu',
    [norm('stem_bn', conv('stem', x, 4, 3, { auto_pad: 'SAME_UPPER' }))],
    {},
    { layer: 'relu' },
  );
  const pooled = b.op('MaxPool', [stem], { kernel_shape: [2, 2], strides: [2, 2] });
  const inner = b.op('LeakyRelu', [norm('block_bn', conv('block1', pooled, 4, 3, { pads: [1, 1, 1, 1] }))], {
    alpha: 0.1,
  });
  const block = b.op('Add', [pooled, conv('block2', inner, 4, 1)]);
  const deep = b.op('Clip', [norm('dw_bn', conv('dw', block, 4, 3, { pads: [1, 1, 1, 1], group: 4 }))], {
    min: 0,
    max: 6,
  });
  const joined = b.op('Concat', [block, deep], { axis: 1 });
  const averaged = b.op('AveragePool', [joined], { kernel_shape: [3, 3], strides: [2, 2], auto_pad: 'SAME_LOWER' });
  const rows = b.op('Flatten', [b.op('Transpose', [averaged], { perm: [0, 2, 3, 1] })], { axis: 1 });
  const hidden = b.op('Tanh', [norm('fc_bn', dense('fc', b.op('Dropout', [rows], { ratio: 0.25 }), 6))]);
  const logits = dense('predictions', hidden, 3);
  b.output('probabilities', b.op('Softmax', [logits], { axis: -1 }, { layer: 'softmax' }));
  return b.build();
}
