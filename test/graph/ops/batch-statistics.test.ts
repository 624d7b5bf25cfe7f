import { expect, test } from 'vitest';
import type { Shape } from '../../../src/graph/graph.js';
import { OpError } from '../../../src/graph/op-spec.js';
import { getOp } from '../../../src/graph/ops/index.js';
import { inferOp, nodeOf, ref } from '../run-op.js';

const evaluate = (op: string, attrs: { epsilon: number }, inputs: ReturnType<typeof ref>[]) =>
  getOp(op)
    .evaluate(nodeOf(op, attrs, inputs.length), inputs)
    .map((t) => [...t.data]);

const infer = (op: string, shapes: readonly Shape[]) =>
  getOp(op).infer({
    node: nodeOf(op, {}, shapes.length),
    inputs: shapes.map((shape) => ({ dtype: 'float32', shape })),
    constant: () => undefined,
  });

test('BatchNormalizationTraining gives y, the mean and the biased variance of each channel', () => {
  const x = ref([2, 2, 2], [1, 3, 0, 0, 1, 3, 0, 4]);
  const vectors = [ref([2], [10, 1]), ref([2], [0, 5])];
  expect(evaluate('BatchNormalizationTraining', { epsilon: 0 }, [x, vectors[0], vectors[1]]).slice(1)).toEqual([
    [2, 1],
    [1, 3],
  ]);
  const [y] = evaluate('BatchNormalizationTraining', { epsilon: 1 }, [x, vectors[0], vectors[1]]);
  expect(y.slice(2, 4)).toEqual([4.5, 4.5]);
  expect(y[0]).toBeCloseTo(-10 / Math.sqrt(2), 12);
});

test('BatchNormalizationGrad: what shifts or stretches the whole batch has no gradient', () => {
  const x = ref([4, 1], [-1, 1, -1, 1]);
  const vectors = [ref([1], [2]), ref([1], [0]), ref([1], [1])];
  const shifted = evaluate('BatchNormalizationGrad', { epsilon: 0 }, [ref([4, 1], [3, 3, 3, 3]), x, ...vectors]);
  expect(shifted).toEqual([[0, 0, 0, 0], [0], [12]]);
  const stretched = evaluate('BatchNormalizationGrad', { epsilon: 0 }, [x, x, ...vectors]);
  expect(stretched).toEqual([[0, 0, 0, 0], [4], [0]]);
  const one = evaluate('BatchNormalizationGrad', { epsilon: 0 }, [ref([4, 1], [4, 0, 0, 0]), x, ...vectors]);
  expect(one).toEqual([[4, 0, -4, 0], [-4], [4]]);
});

test('shapes: vectors of the channels, and any batch', () => {
  const shapes = infer('BatchNormalizationTraining', [['N', 3, 4, 4], [3], [3]]).map((s) => s.shape);
  expect(shapes).toEqual([['N', 3, 4, 4], [3], [3]]);
  const gradients = infer('BatchNormalizationGrad', [['N', 3], ['N', 3], [3], [3], [3]]).map((s) => s.shape);
  expect(gradients).toEqual([['N', 3], [3], [3]]);
});

test('faults name the layer', () => {
  expect(() => inferOp('BatchNormalizationTraining', {}, [['N', 3], [3], [2]])).toThrow(
    'BatchNormalizationTraining block1/layer: B must have shape [3], got [2]',
  );
  expect(() => inferOp('BatchNormalizationGrad', {}, [['N', 3, 1], ['N', 3], [3], [3], [3]])).toThrow(/dy/);
  expect(() => inferOp('BatchNormalizationTraining', { epsilon: -1 }, [['N', 3], [3], [3]])).toThrow(OpError);
});
