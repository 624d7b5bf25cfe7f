import { describe, expect, test } from 'vitest';
import type { Attrs } from '../../../src/graph/graph.js';
import { OpError } from '../../../src/graph/op-spec.js';
import { getOp } from '../../../src/graph/ops/index.js';
import type { RefTensor } from '../../../src/graph/tensor.js';
import { counting, inferOp, ref, runOp } from '../run-op.js';

const values = (t: RefTensor): number[] => [...t.data];

/** `[[1, 2, 3], [4, 5, 6]]` */
const grid = counting([2, 3]);

describe('reductions', () => {
  test.each<[string, Attrs, number[], number[]]>([
    ['ReduceSum', { axes: [0] }, [1, 3], [5, 7, 9]],
    ['ReduceSum', { axes: [-1], keepdims: 0 }, [2], [6, 15]],
    ['ReduceSum', { axes: [0, 1], keepdims: 0 }, [], [21]],
    ['ReduceMean', { axes: [1] }, [2, 1], [2, 5]],
    ['ReduceMax', { axes: [0], keepdims: 0 }, [3], [4, 5, 6]],
  ])('%s %o', (op, attrs, shape, data) => {
    const result = runOp(op, attrs, [grid]);
    expect(result.shape).toEqual(shape);
    expect(values(result)).toEqual(data);
  });

  test('over axes that are not side by side', () => {
    const result = runOp('ReduceSum', { axes: [0, 2], keepdims: 0 }, [counting([2, 2, 2])]);
    expect(values(result)).toEqual([1 + 2 + 5 + 6, 3 + 4 + 7 + 8]);
  });

  test('the batch stays symbolic where it is not reduced', () => {
    expect(inferOp('ReduceMean', { axes: [2, 3] }, [['N', 3, 4, 4]]).shape).toEqual(['N', 3, 1, 1]);
    expect(inferOp('ReduceSum', { axes: [0], keepdims: 0 }, [['N', 3]]).shape).toEqual([3]);
  });

  test('ArgMax takes the first of equals and gives int64', () => {
    const x = ref([2, 3], [1, 7, 7, 5, 5, 2]);
    const rows = runOp('ArgMax', { axis: 1, keepdims: 0 }, [x]);
    expect(rows).toMatchObject({ dtype: 'int64', shape: [2] });
    expect(values(rows)).toEqual([1, 0]);
    expect(values(runOp('ArgMax', { axis: 0 }, [x]))).toEqual([1, 0, 0]);
  });

  test('an axis out of range is refused', () => {
    expect(() => inferOp('ReduceSum', { axes: [2] }, [[2, 3]])).toThrow(OpError);
    expect(() => inferOp('ArgMax', {}, [[2, 3]])).toThrow(/axis/);
  });
});

describe('comparisons and selection', () => {
  const row = ref([3], [1, 5, 3]);

  test.each([
    ['Equal', [1, 0, 1, 0, 1, 0]],
    ['Greater', [0, 0, 0, 1, 0, 1]],
    ['Less', [0, 1, 0, 0, 0, 0]],
  ])('%s broadcasts and gives bool', (op, data) => {
    const result = runOp(op, {}, [grid, row]);
    expect(result).toMatchObject({ dtype: 'bool', shape: [2, 3] });
    expect(values(result)).toEqual(data);
  });

  test('Where broadcasts its three inputs', () => {
    const condition = ref([2, 1], [1, 0], 'bool');
    const result = runOp('Where', {}, [condition, row, ref([], [9])]);
    expect(result.shape).toEqual([2, 3]);
    expect(values(result)).toEqual([1, 5, 3, 9, 9, 9]);
    expect(() => inferOp('Where', {}, [[1], [1], [1]])).toThrow(/bool/);
  });

  test('Cast cuts towards zero, and bool is "not zero"', () => {
    const x = ref([4], [-1.7, 0, 0.4, 2.9]);
    expect(values(runOp('Cast', { to: 'int32' }, [x]))).toEqual([-1, 0, 0, 2]);
    expect(values(runOp('Cast', { to: 'bool' }, [x]))).toEqual([1, 0, 1, 1]);
    expect(() => inferOp('Cast', { to: 'float8' }, [[4]])).toThrow(/to/);
    expect(() => inferOp('Cast', {}, [[4]])).toThrow(/to/);
  });

  test('Cast wraps around the range of whole numbers, and makes 0 of what is no number', () => {
    const x = ref([6], [300, -1.5, 2 ** 31, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], 'float64');
    expect(values(runOp('Cast', { to: 'uint8' }, [x]))).toEqual([44, 255, 0, 0, 0, 0]);
    expect(values(runOp('Cast', { to: 'int32' }, [x]))).toEqual([300, -1, -(2 ** 31), 0, 0, 0]);
    expect(values(runOp('Cast', { to: 'int64' }, [x]))).toEqual([300, -1, 2 ** 31, 0, 0, 0]);
    expect(values(runOp('Cast', { to: 'bool' }, [x]))).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test('OneHot: a label out of range is a row of zeros', () => {
    const result = runOp('OneHot', { depth: 3 }, [ref([4], [2, 0, 3, -1], 'int32')]);
    expect(result).toMatchObject({ dtype: 'float32', shape: [4, 3] });
    expect(values(result)).toEqual([0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(inferOp('OneHot', { depth: 3 }, [['N']], ['int64']).shape).toEqual(['N', 3]);
    expect(() => inferOp('OneHot', { depth: 3 }, [[4]])).toThrow(/integers/);
    expect(() => inferOp('OneHot', {}, [[4]], ['int32'])).toThrow(OpError);
  });

  test('Expand keeps the dimension where its shape says 1', () => {
    const result = runOp('Expand', { shape: [1, 2, 3] }, [ref([2, 1, 1], [1, 2])]);
    expect(result.shape).toEqual([2, 2, 3]);
    expect(values(result)).toEqual([1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2]);
    expect(inferOp('Expand', { shape: [1, 1, 4, 4] }, [['N', 3, 1, 1]]).shape).toEqual(['N', 3, 4, 4]);
    expect(() => inferOp('Expand', { shape: [2] }, [[3]])).toThrow(OpError);
  });
});

describe('whole numbers', () => {
  test('reductions wrap around, and means are cut towards zero', () => {
    expect(values(runOp('ReduceSum', { axes: [0] }, [ref([2], [200, 100], 'uint8')]))).toEqual([44]);
    expect(values(runOp('ReduceMean', { axes: [0] }, [ref([2], [-2, -1], 'int32')]))).toEqual([-1]);
    expect(values(runOp('ReduceMean', { axes: [0] }, [ref([2], [2, 1], 'int64')]))).toEqual([1]);
  });

  test.each(['Add', 'Mul', 'Greater', 'Neg', 'Abs', 'Relu', 'Clip'])('%s is nothing of truths', (op) => {
    const count = getOp(op).inputs[0];
    const shapes = Array.from({ length: count }, () => [2]);
    expect(() => inferOp(op, {}, shapes, ['bool', 'bool'])).toThrow(/must be numbers.*got bool/);
  });

  test.each(['ReduceSum', 'ReduceMax'])('%s is nothing of truths', (op) => {
    expect(() => inferOp(op, { axes: [0] }, [[2]], ['bool'])).toThrow(/must be numbers, got bool/);
  });
});

describe('Slice', () => {
  const line = counting([6]);

  test.each<[Attrs, number[]]>([
    [{ axes: [0], starts: [1], ends: [4] }, [2, 3, 4]],
    [{ axes: [0], starts: [-2], ends: [100] }, [5, 6]],
    [{ axes: [-1], starts: [0], ends: [-1], steps: [2] }, [1, 3, 5]],
    [{ axes: [0], starts: [-1], ends: [-100], steps: [-2] }, [6, 4, 2]],
    [{ axes: [0], starts: [4], ends: [1], steps: [-1] }, [5, 4, 3]],
  ])('%o', (attrs, data) => {
    expect(values(runOp('Slice', attrs, [line]))).toEqual(data);
  });

  test('of two axes', () => {
    const result = runOp('Slice', { axes: [1, 0], starts: [1, 1], ends: [3, 2] }, [counting([3, 3])]);
    expect(result.shape).toEqual([1, 2]);
    expect(values(result)).toEqual([5, 6]);
  });

  test('the batch is carried through but can not be sliced', () => {
    expect(inferOp('Slice', { axes: [1], starts: [1], ends: [3] }, [['N', 5]]).shape).toEqual(['N', 2]);
    expect(() => inferOp('Slice', { axes: [0], starts: [1], ends: [3] }, [['N', 5]])).toThrow(/must be known/);
    expect(() => inferOp('Slice', { axes: [0], starts: [2], ends: [2] }, [[5]])).toThrow(OpError);
    expect(() => inferOp('Slice', { axes: [0, 1], starts: [0], ends: [2] }, [[5, 5]])).toThrow(/equally long/);
  });
});
