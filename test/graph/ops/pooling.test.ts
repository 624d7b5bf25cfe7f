import { describe, expect, test } from 'vitest';
import { FIXED } from '../../../src/graph/channels.js';
import { listed, recordChannels } from '../recording-context.js';
import { counting, inferOp, ref, runOp } from '../run-op.js';

describe('MaxPool', () => {
  test('ignores padding, also under negative values', () => {
    const x = ref([1, 1, 3], [-3, -1, -2]);
    expect([...runOp('MaxPool', { kernel_shape: [2], pads: [1, 0] }, [x]).data]).toEqual([-3, -1, -1]);
  });
  test('with strides, dilations and ceil_mode', () => {
    const x = ref([1, 1, 6], [9, 1, 2, 8, 3, 4]);
    expect([...runOp('MaxPool', { kernel_shape: [2], strides: [2], dilations: [2] }, [x]).data]).toEqual([9, 3]);
    expect([...runOp('MaxPool', { kernel_shape: [3], strides: [2] }, [x]).data]).toEqual([9, 8]);
    expect([...runOp('MaxPool', { kernel_shape: [3], strides: [2], ceil_mode: 1 }, [x]).data]).toEqual([9, 8, 4]);
  });
  test('in 2 and 3 dimensions', () => {
    const two = runOp('MaxPool', { kernel_shape: [2, 2], strides: [2, 2], auto_pad: 'SAME_UPPER' }, [
      counting([1, 1, 3, 3]),
    ]);
    expect(two.shape).toEqual([1, 1, 2, 2]);
    expect([...two.data]).toEqual([5, 6, 8, 9]);
    expect([...runOp('MaxPool', { kernel_shape: [2, 1, 2] }, [counting([1, 2, 2, 2, 2])]).data]).toEqual([
      6, 8, 14, 16,
    ]);
  });
});

describe('AveragePool', () => {
  const x = ref([1, 1, 3], [2, 4, 6]);
  test('divides by the positions inside the input', () => {
    expect([...runOp('AveragePool', { kernel_shape: [2], pads: [1, 1] }, [x]).data]).toEqual([2, 3, 5, 6]);
  });
  test('counts padding with count_include_pad', () => {
    const attrs = { kernel_shape: [2], pads: [1, 1], count_include_pad: 1 };
    expect([...runOp('AveragePool', attrs, [x]).data]).toEqual([1, 3, 5, 3]);
  });
  test('never counts what ceil_mode adds past the padding', () => {
    const attrs = { kernel_shape: [2], strides: [2], ceil_mode: 1, count_include_pad: 1 };
    expect([...runOp('AveragePool', attrs, [x]).data]).toEqual([3, 6]);
  });
  test('asymmetric pads in 2 dimensions', () => {
    const y = runOp('AveragePool', { kernel_shape: [2, 2], pads: [1, 0, 0, 1] }, [counting([1, 1, 2, 2])]);
    expect([...y.data]).toEqual([1.5, 2, 2.5, 3]);
  });
});

describe('global pools', () => {
  test('leave extents of 1', () => {
    const x = counting([1, 2, 2, 2]);
    expect(runOp('GlobalAveragePool', {}, [x])).toEqual(ref([1, 2, 1, 1], [2.5, 6.5]));
    expect(runOp('GlobalMaxPool', {}, [x])).toEqual(ref([1, 2, 1, 1], [4, 8]));
    expect(inferOp('GlobalMaxPool', {}, [['N', 5, 4, 4, 4]]).shape).toEqual(['N', 5, 1, 1, 1]);
  });
});

test('pools keep channels and fix extents', () => {
  for (const [op, attrs] of [['MaxPool', { kernel_shape: [2] }] as const, ['GlobalAveragePool', {}] as const]) {
    const r = recordChannels(op, attrs, [{ shape: ['N', 3, 4] }]);
    expect(listed(r.output[1])).toEqual(r.input(0, 1));
    expect(r.output[2]).toBe(FIXED);
    expect(r.frozen(0, 2)).toHaveLength(4);
  }
});

test.each([
  ['MaxPool', {}, 'attribute kernel_shape must be a list of whole numbers'],
  ['MaxPool', { kernel_shape: [2, 2] }, 'kernel_shape must be 1 numbers from 1, got [2,2]'],
  ['AveragePool', { kernel_shape: [2], pads: [2, 0] }, 'pads [2,0] must be smaller than the window [2]'],
  ['MaxPool', { kernel_shape: [9] }, 'a window spanning 9 does not fit an extent of 8'],
])('%s %o is refused, naming the layer', (op, attrs, message) => {
  expect(() => inferOp(op, attrs, [['N', 3, 8]])).toThrow(`${op} block1/layer: `);
  expect(() => inferOp(op, attrs, [['N', 3, 8]])).toThrow(message);
});
