import { GraphBuilder } from '../src/graph/builder.js';
import type { Graph } from '../src/graph/graph.js';
import { elementCount, tensor } from '../src/graph/tensor.js';

/**
 * ResNet-20 for CIFAR (He et al. 2015, section 4.2): 19 convolutions in three stages of 16, 32 and 64 channels, batch
 * norms, identity shortcuts, and 1×1 convolutions where the shape changes. 41 M MACs at 32×32. Weights are He-normal.
 */
export function residualNetwork(random: () => number): Graph {
  const b = new GraphBuilder('resnet20');
  const gaussian = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const weight = (id: string, shape: number[]) => {
    const scale = Math.sqrt(2 / elementCount(shape.slice(1)));
    const values = Array.from({ length: elementCount(shape) }, () => scale * gaussian());
    return b.constant(id, tensor('float32', shape, values), 'parameter');
  };
  const vector = (id: string, length: number, value: number, role: 'parameter' | 'statistic') =>
    b.constant(id, tensor('float32', [length], new Float32Array(length).fill(value)), role);

  const convNorm = (x: string, name: string, inputs: number, outputs: number, kernel: number, stride: number) => {
    const pad = (kernel - 1) / 2;
    const attrs = { strides: [stride, stride], pads: [pad, pad, pad, pad] };
    const y = b.op('Conv', [x, weight(`${name}/W`, [outputs, inputs, kernel, kernel])], attrs, { layer: name });
    return b.op(
      'BatchNormalization',
      [
        y,
        vector(`${name}/scale`, outputs, 1, 'parameter'),
        vector(`${name}/shift`, outputs, 0, 'parameter'),
        vector(`${name}/mean`, outputs, 0, 'statistic'),
        vector(`${name}/variance`, outputs, 1, 'statistic'),
      ],
      {},
      { layer: `${name}_norm` },
    );
  };

  let channels = 16;
  let x = b.input('x', { dtype: 'float32', shape: ['N', 3, 32, 32] });
  x = b.op('Relu', [convNorm(x, 'stem', 3, channels, 3, 1)]);
  for (const outputs of [16, 32, 64]) {
    for (let block = 0; block < 3; block++) {
      const name = `stage${outputs}_${block}`;
      const stride = outputs === channels ? 1 : 2;
      const first = b.op('Relu', [convNorm(x, `${name}_a`, channels, outputs, 3, stride)]);
      const second = convNorm(first, `${name}_b`, outputs, outputs, 3, 1);
      const shortcut = stride === 1 ? x : convNorm(x, `${name}_shortcut`, channels, outputs, 1, stride);
      x = b.op('Relu', [b.op('Add', [second, shortcut])]);
      channels = outputs;
    }
  }
  const pooled = b.op('Flatten', [b.op('GlobalAveragePool', [x])]);
  const bias = vector('dense/b', 10, 0, 'parameter');
  const logits = b.op('Gemm', [pooled, weight('dense/W', [10, 64]), bias], { transB: 1 }, { layer: 'dense' });
  b.output('probabilities', b.op('Softmax', [logits], {}, { layer: 'softmax' }));
  return b.build();
}
