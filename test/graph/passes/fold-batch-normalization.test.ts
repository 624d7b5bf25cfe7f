import { expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { evaluateGraph } from '../../../src/graph/evaluate.js';
import type { Attrs, Graph } from '../../../src/graph/graph.js';
import { foldBatchNormalization } from '../../../src/graph/passes/fold-batch-normalization.js';
import { elementCount, tensor, toRef } from '../../../src/graph/tensor.js';
import { verify } from '../../../src/graph/verify.js';
import { expectClose } from '../../engine/agreement.js';
import { Random } from '../../engine/random.js';

interface Options {
  readonly op?: string;
  readonly shape: number[];
  readonly attrs?: Attrs;
  readonly biased?: boolean;
  readonly outputs: number;
  /** The convolution's own result is an output too. */
  readonly shared?: boolean;
  /** Weights come in as an input. */
  readonly fed?: boolean;
}

function network({ op = 'Conv', shape, attrs = {}, biased, outputs, shared, fed }: Options): Graph {
  const r = new Random(3);
  const b = new GraphBuilder('g');
  const constant = (id: string, of: number[], least: number, most: number) =>
    b.constant(id, tensor('float32', of, r.floats(elementCount(of), least, most)), 'parameter');
  const x = b.input('x', { dtype: 'float32', shape: ['N', 4, 5, 6] });
  const w = fed ? b.input('w', { dtype: 'float32', shape }) : constant('w', shape, -1, 1);
  const conv = b.op(op, biased ? [x, w, constant('bias', [outputs], -1, 1)] : [x, w], attrs, { layer: 'conv' });
  const parameters = ['scale', 'shift', 'mean'].map((id) => constant(id, [outputs], -1, 1));
  const y = b.op('BatchNormalization', [conv, ...parameters, constant('var', [outputs], 0.1, 2)], { epsilon: 1e-3 });
  b.output('y', y);
  if (shared) b.output('conv', conv);
  return b.build();
}

test.each<[string, Options]>([
  ['a convolution', { shape: [6, 4, 3, 3], outputs: 6 }],
  [
    'with a bias, stride and groups',
    { shape: [6, 2, 3, 3], attrs: { group: 2, strides: [2, 1] }, biased: true, outputs: 6 },
  ],
  ['a transposed convolution', { op: 'ConvTranspose', shape: [4, 3, 2, 2], biased: true, outputs: 3 }],
])('%s takes the norm behind it', (_, options) => {
  const graph = network(options);
  const folded = foldBatchNormalization(graph);
  verify(folded);
  expect(folded.nodes.map((node) => [node.op, node.layer])).toEqual([[options.op ?? 'Conv', 'conv']]);
  const feeds = new Map([['x', toRef(new Random(4).tensor({ dtype: 'float32', shape: [2, 4, 5, 6] }, 2))]]);
  const found = evaluateGraph(folded, feeds).get('y')!;
  expectClose('y', { ...found, data: Float64Array.from(found.data) }, evaluateGraph(graph, feeds).get('y')!, 1e-6);
});

test.each<[string, Options]>([
  ['whose result is read elsewhere', { shape: [6, 4, 3, 3], outputs: 6, shared: true }],
  ['whose weights are an input', { shape: [6, 4, 3, 3], outputs: 6, fed: true }],
  ['that is transposed, in groups', { op: 'ConvTranspose', shape: [4, 3, 2, 2], attrs: { group: 2 }, outputs: 6 }],
])('a convolution %s keeps its norm', (_, options) => {
  const graph = network(options);
  expect(foldBatchNormalization(graph)).toBe(graph);
});
