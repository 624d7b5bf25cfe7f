import { expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { sampleLayout } from '../../../src/recovery/synthesis/sample-layout.js';
import { layers } from '../../autodiff/nets.js';
import { randomTensor } from '../../autodiff/random.js';
import { seededRandom } from '../../support/seeded-random.js';

const weight = (b: GraphBuilder, shape: number[]): string =>
  b.constant('w', randomTensor(seededRandom(1), shape), 'parameter');

test.each<
  [string, (string | number)[], (b: GraphBuilder, x: string) => string, { channels: number; spatial: number[] }]
>([
  [
    'a convolution reads images channels-first',
    ['N', 3, 8, 8],
    (b, x) => layers(b, 1).conv('c', x, 4, 3),
    { channels: 1, spatial: [2, 3] },
  ],
  [
    'a channels-last file is transposed, after it was normalised',
    ['N', 8, 8, 3],
    (b, x) => {
      const scaled = b.op('Mul', [
        x,
        b.constant(
          's',
          randomTensor(() => 1, [3]),
          'literal',
        ),
      ]);
      return layers(b, 1).conv('c', b.op('Transpose', [scaled], { perm: [0, 3, 1, 2] }), 4, 3);
    },
    { channels: 3, spatial: [1, 2] },
  ],
  [
    'a product takes the last axis of a sequence',
    ['N', 7, 5],
    (b, x) => b.op('MatMul', [x, weight(b, [5, 4])]),
    { channels: 2, spatial: [1] },
  ],
  ['a dense layer takes features', ['N', 6], (b, x) => layers(b, 1).dense('d', x, 3), { channels: 1, spatial: [] }],
  ['nothing says, so channels come first', ['N', 2, 9], (b, x) => b.op('Relu', [x]), { channels: 1, spatial: [2] }],
])('%s', (_name, shape, build, layout) => {
  const b = new GraphBuilder('layout');
  b.output('y', build(b, b.input('x', { dtype: 'float32', shape })));
  expect(sampleLayout(b.build(), 'x')).toEqual(layout);
});
