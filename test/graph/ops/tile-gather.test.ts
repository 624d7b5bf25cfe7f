import { describe, expect, test } from 'vitest';
import { listed, recordChannels } from '../recording-context.js';
import { counting, inferOp, ref, runOp } from '../run-op.js';

describe('Tile', () => {
  test('repeats whole axes', () => {
    const y = runOp('Tile', { repeats: [1, 2, 2] }, [counting([1, 2, 2])]);
    expect(y.shape).toEqual([1, 4, 4]);
    expect([...y.data]).toEqual([1, 2, 1, 2, 3, 4, 3, 4, 1, 2, 1, 2, 3, 4, 3, 4]);
  });

  test('carries symbolic extents through, but repeats no batch', () => {
    expect(inferOp('Tile', { repeats: [1, 3, 2] }, [['N', 4, 'L']]).shape).toEqual(['N', 12, '2*L']);
    expect(() => inferOp('Tile', { repeats: [2, 1] }, [['N', 4]])).toThrow('the batch N can not be repeated');
    expect(() => inferOp('Tile', { repeats: [1, 0] }, [['N', 4]])).toThrow(
      'repeats must be 2 numbers from 1, got [1,0]',
    );
  });

  test('a channel lives in all of its copies', () => {
    const r = recordChannels('Tile', { repeats: [1, 2] }, [{ shape: ['N', 3] }]);
    expect(listed(r.output[1])).toEqual([...r.input(0, 1), ...r.input(0, 1)]);
  });
});

describe('Gather', () => {
  test('looks rows up, negative ones from the end', () => {
    const y = runOp('Gather', {}, [counting([3, 2]), ref([2, 2], [0, 2, -1, 1], 'int64')]);
    expect(y.shape).toEqual([2, 2, 2]);
    expect([...y.data]).toEqual([1, 2, 5, 6, 5, 6, 3, 4]);
  });

  test('takes one index of another axis, which is gone then', () => {
    const y = runOp('Gather', { axis: 1 }, [counting([2, 3, 2]), ref([], [1], 'int32')]);
    expect(y.shape).toEqual([2, 2]);
    expect([...y.data]).toEqual([3, 4, 9, 10]);
  });

  test('refuses indices that are no whole numbers, or out of range', () => {
    const shapes = [[3, 2], ['N']];
    expect(() => inferOp('Gather', {}, shapes)).toThrow('block1/layer: indices must be int32 or int64, got float32');
    expect(() => runOp('Gather', {}, [counting([3, 2]), ref([1], [3], 'int32')])).toThrow(
      'index 3 is out of range for an extent of 3',
    );
  });

  test('rows stay, columns are channels', () => {
    const r = recordChannels('Gather', {}, [{ shape: [5, 4] }, { shape: ['N', 7], fixed: [1], dtype: 'int64' }]);
    expect(listed(r.output[2])).toEqual(r.input(0, 1));
    expect(new Set(r.frozen(0, 0))).toEqual(new Set(['INDEXED_AXIS']));
    expect(r.frozen(0, 1)).toEqual([]);
  });
});

test('GatherGrad sums what every row was taken for', () => {
  const y = runOp('GatherGrad', { rows: 3 }, [counting([3, 2]), ref([3], [2, 0, -1], 'int32')]);
  expect([...y.data]).toEqual([3, 4, 0, 0, 6, 8]);
});
