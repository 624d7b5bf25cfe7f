import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import { tensor } from '../../src/graph/tensor.js';
import { residualGraph } from './residual-graph.js';
import { counting, ref } from './run-op.js';

/** y = relu(x·w), z = y + x, with x and y also outputs. */
function smallGraph() {
  const b = new GraphBuilder('small');
  const x = b.input('x', { dtype: 'float32', shape: ['N', 2] });
  const w = b.constant('w', tensor('float32', [2, 2], [1, -1, 0, 1]), 'parameter');
  const y = b.op('Relu', [b.op('Gemm', [x, w])]);
  b.output('z', b.op('Add', [y, x]));
  b.output('y', y);
  b.output('x again', x);
  b.output('w', w);
  return b.build();
}

describe('evaluateGraph', () => {
  test('computes every output, also inputs, constants and values that others read', () => {
    const x = ref([2, 2], [1, 3, 2, 1]);
    const outputs = evaluateGraph(smallGraph(), new Map([['x', x]]));
    expect([...outputs.keys()]).toEqual(['z', 'y', 'x again', 'w']);
    expect(outputs.get('y')).toEqual(ref([2, 2], [1, 2, 2, 0]));
    expect(outputs.get('z')).toEqual(ref([2, 2], [2, 5, 4, 1]));
    expect(outputs.get('x again')).toEqual(x);
    expect(outputs.get('w')).toEqual(ref([2, 2], [1, -1, 0, 1]));
  });

  test('gives a sample the same result alone and in a batch', () => {
    const graph = residualGraph();
    const [x, y] = [counting([3, 2, 4, 4]), counting([3, 4])];
    const batch = evaluateGraph(
      graph,
      new Map([
        ['x', x],
        ['y', y],
      ]),
    );
    const alone = evaluateGraph(
      graph,
      new Map([
        ['x', ref([1, 2, 4, 4], [...x.data.slice(64)])],
        ['y', ref([1, 4], [...y.data.slice(8)])],
      ]),
    );
    expect(batch.get('probabilities')?.shape).toEqual([3, 3]);
    expect(alone.get('probabilities')?.data).toEqual(batch.get('probabilities')?.data.slice(6));
    expect(alone.get('sum')?.data).toEqual(batch.get('sum')?.data.slice(8));
  });

  test.each([
    [{}, 'input x is missing'],
    [{ x: counting([1, 2]), q: counting([1]) }, 'graph small has no input q'],
    [{ x: counting([1, 3]) }, 'input x must have shape [N, 2], got [1, 3]'],
    [{ x: counting([2]) }, 'input x must have shape [N, 2], got [2]'],
    [{ x: ref([1, 2], [1, 2], 'int32') }, 'input x must be float32, got int32'],
    [{ x: { ...counting([1, 2]), shape: [2, 2] } }, 'input x of shape [2, 2] holds 2 elements'],
  ])('refuses feeds %#', (feeds, message) => {
    expect(() => evaluateGraph(smallGraph(), new Map(Object.entries(feeds)))).toThrow(message);
  });

  test('refuses two batches of different sizes', () => {
    const feeds = new Map([
      ['x', counting([3, 2, 4, 4])],
      ['y', counting([2, 4])],
    ]);
    expect(() => evaluateGraph(residualGraph(), feeds)).toThrow('input y must have shape [N, 4], got [2, 4]');
  });
});
