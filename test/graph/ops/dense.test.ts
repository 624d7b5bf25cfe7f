import { describe, expect, test } from 'vitest';
import { getOp } from '../../../src/graph/ops/index.js';
import { listed, recordChannels } from '../recording-context.js';
import { counting, inferOp, nodeOf, ref, runOp } from '../run-op.js';

describe('Gemm computes', () => {
  const a = ref([2, 3], [1, 2, 3, 4, 5, 6]);
  const b = ref([3, 2], [1, 0, 0, 1, 1, 1]);
  const product = [4, 5, 10, 11];

  test('a·b', () => {
    expect([...runOp('Gemm', {}, [a, b]).data]).toEqual(product);
  });
  test('with either factor transposed', () => {
    const at = ref([3, 2], [1, 4, 2, 5, 3, 6]);
    const bt = ref([2, 3], [1, 0, 1, 0, 1, 1]);
    expect([...runOp('Gemm', { transA: 1 }, [at, b]).data]).toEqual(product);
    expect([...runOp('Gemm', { transB: 1 }, [a, bt]).data]).toEqual(product);
    expect([...runOp('Gemm', { transA: 1, transB: 1 }, [at, bt]).data]).toEqual(product);
  });
  test('alpha·a·b + beta·c, c broadcast from a vector, a column or a scalar', () => {
    const attrs = { alpha: 2, beta: 10 };
    expect([...runOp('Gemm', attrs, [a, b, ref([2], [1, 2])]).data]).toEqual([18, 30, 30, 42]);
    expect([...runOp('Gemm', attrs, [a, b, ref([2, 1], [1, 2])]).data]).toEqual([18, 20, 40, 42]);
    expect([...runOp('Gemm', attrs, [a, b, ref([], [1])]).data]).toEqual([18, 20, 30, 32]);
  });
});

describe('MatMul computes', () => {
  test('matrices, and vectors on either side', () => {
    expect([...runOp('MatMul', {}, [counting([2, 2]), counting([2, 2])]).data]).toEqual([7, 10, 15, 22]);
    expect(runOp('MatMul', {}, [counting([2]), counting([2, 3])])).toMatchObject({ shape: [3] });
    expect(runOp('MatMul', {}, [counting([3, 2]), counting([2])])).toMatchObject({ shape: [3] });
    expect([...runOp('MatMul', {}, [counting([2]), counting([2])]).data]).toEqual([5]);
  });
  test('batches, broadcast against each other', () => {
    const y = runOp('MatMul', {}, [counting([2, 1, 1, 2]), counting([3, 2, 1])]);
    expect(y.shape).toEqual([2, 3, 1, 1]);
    expect([...y.data]).toEqual([5, 11, 17, 11, 25, 39]);
  });
});

describe('products refuse, naming the layer,', () => {
  test.each([
    [
      'Gemm',
      {},
      [
        ['N', 3],
        [4, 5],
      ],
      'shapes [N, 3] and [4, 5] have no equal inner extents',
    ],
    [
      'Gemm',
      {},
      [
        ['N', 3, 2],
        [2, 5],
      ],
      'a needs 2 axes, got [N, 3, 2]',
    ],
    ['Gemm', {}, [['N', 3], [3, 5], [4]], 'shapes [4] and [N, 5] do not broadcast'],
    [
      'Gemm',
      { transB: 2 },
      [
        ['N', 3],
        [3, 5],
      ],
      'attribute transB must be 0 or 1, got 2',
    ],
    [
      'MatMul',
      {},
      [
        ['N', 2, 3],
        [4, 5],
      ],
      'shapes [N, 2, 3] and [4, 5] have no equal inner extents',
    ],
    [
      'MatMul',
      {},
      [
        [2, 2, 3],
        [4, 3, 5],
      ],
      'do not broadcast',
    ],
  ] as const)('%s %o of %j', (op, attrs, shapes, message) => {
    expect(() => inferOp(op, attrs, shapes)).toThrow(message);
    expect(() => inferOp(op, attrs, shapes)).toThrow(`${op} block1/layer: `);
  });
});

describe('channels of products', () => {
  test.each([
    [{}, [4, 2], 0, 1],
    [{ transB: 1 }, [2, 4], 1, 0],
  ])('Gemm %o: features in with weight axis %j/%i, out with the other and the bias', (attrs, shape, inner, outer) => {
    const r = recordChannels('Gemm', attrs, [{ shape: ['N', 4] }, { shape }, { shape: [2] }]);
    expect(r.input(0, 1)).toEqual(r.input(1, inner));
    expect(listed(r.output[1])).toEqual(r.input(1, outer));
    expect(r.input(2, 0)).toEqual(r.input(1, outer));
    expect(new Set([...r.input(0, 1), ...r.input(1, outer)]).size).toBe(6);
  });

  test('a bias of one element for all outputs is frozen, the outputs are not', () => {
    const r = recordChannels('Gemm', {}, [{ shape: ['N', 4] }, { shape: [4, 2] }, { shape: [1] }]);
    expect(r.frozen(2, 0)).toEqual(['BROADCAST']);
    expect(r.frozen(1, 1)).toEqual([]);
  });

  test('MatMul of two activations ties what is contracted', () => {
    const r = recordChannels('MatMul', {}, [{ shape: ['N', 3, 4] }, { shape: ['N', 4, 5] }]);
    expect(r.input(0, 2)).toEqual(r.input(1, 1));
    expect(listed(r.output[1])).toEqual(r.input(0, 1));
    expect(listed(r.output[2])).toEqual(r.input(1, 2));
  });

  test('only a second factor without a batch makes a layer', () => {
    const f32 = (shape: (number | string)[]) => ({ dtype: 'float32' as const, shape });
    const axes = (op: string, attrs: Record<string, number>, a: (number | string)[], b: (number | string)[]) =>
      getOp(op).parametric?.(nodeOf(op, attrs, 2), [f32(a), f32(b)]);
    expect(axes('Gemm', {}, ['N', 4], [4, 2])).toEqual({ input: 1, output: 1, passThrough: false });
    expect(axes('MatMul', {}, ['N', 3, 4], [4, 2])).toEqual({ input: 2, output: 2, passThrough: false });
    expect(axes('MatMul', {}, ['N', 3, 4], ['N', 4, 2])).toBeUndefined();
  });
});
