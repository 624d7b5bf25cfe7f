import { describe, expect, test } from 'vitest';
import { FIXED } from '../../../src/graph/channels.js';
import { listed, recordChannels } from '../recording-context.js';
import { counting, inferOp, ref, runOp } from '../run-op.js';

describe('functions of one element', () => {
  const x = ref([5], [-2, -0.5, 0, 1, 7]);
  test.each([
    ['Relu', {}, [0, 0, 0, 1, 7]],
    ['LeakyRelu', {}, [-0.02, -0.005, 0, 1, 7]],
    ['LeakyRelu', { alpha: 0.5 }, [-1, -0.25, 0, 1, 7]],
    ['Clip', { min: 0, max: 6 }, [0, 0, 0, 1, 6]],
    ['Clip', { max: 0.5 }, [-2, -0.5, 0, 0.5, 0.5]],
    ['Clip', { min: 3, max: 2 }, [2, 2, 2, 2, 2]],
    ['Abs', {}, [2, 0.5, 0, 1, 7]],
    ['Identity', {}, [-2, -0.5, 0, 1, 7]],
    ['Dropout', { ratio: 0.9 }, [-2, -0.5, 0, 1, 7]],
    ['Tanh', {}, [-2, -0.5, 0, 1, 7].map(Math.tanh)],
    ['Exp', {}, [-2, -0.5, 0, 1, 7].map(Math.exp)],
  ])('%s %o', (op, attrs, expected) => {
    expect([...runOp(op, attrs, [x]).data]).toEqual(expected);
  });
  test('Sigmoid, Log, Sqrt, Neg', () => {
    expect([...runOp('Sigmoid', {}, [ref([3], [0, 800, -800])]).data]).toEqual([0.5, 1, 0]);
    expect([...runOp('Log', {}, [ref([2], [1, Math.E])]).data]).toEqual([0, 1]);
    expect([...runOp('Sqrt', {}, [ref([2], [4, 9])]).data]).toEqual([2, 3]);
    expect([...runOp('Neg', {}, [ref([2], [4, -9])]).data]).toEqual([-4, 9]);
  });
  test('faulty attributes name the layer', () => {
    expect(() => inferOp('Dropout', { ratio: 1 }, [['N', 2]])).toThrow('Dropout block1/layer: ratio must be from 0');
    expect(() => inferOp('LeakyRelu', { alpha: 'x' }, [['N', 2]])).toThrow('attribute alpha must be a number, got "x"');
    expect(() => inferOp('Tanh', {}, [['N', 2]], ['int32'])).toThrow('x must be float, got int32');
  });
  test('keep channels', () => {
    const r = recordChannels('Relu', {}, [{ shape: ['N', 3] }]);
    expect(listed(r.output[1])).toEqual(r.input(0, 1));
  });
});

describe('arithmetic', () => {
  test('broadcasts both ways', () => {
    const y = runOp('Sub', {}, [ref([2, 1], [10, 20]), ref([3], [1, 2, 3])]);
    expect(y).toEqual(ref([2, 3], [9, 8, 7, 19, 18, 17]));
    expect([...runOp('Mul', {}, [counting([2, 2]), ref([], [3])]).data]).toEqual([3, 6, 9, 12]);
    expect([...runOp('Div', {}, [counting([2]), ref([2], [2, 4])]).data]).toEqual([0.5, 0.5]);
  });
  test('whole numbers divide towards zero', () => {
    expect([...runOp('Div', {}, [ref([2], [7, -7], 'int32'), ref([2], [2, 2], 'int32')]).data]).toEqual([3, -3]);
  });
  test('the batch goes with itself and with 1 only', () => {
    expect(
      inferOp('Add', {}, [
        ['N', 3],
        [1, 1],
      ]).shape,
    ).toEqual(['N', 3]);
    expect(() =>
      inferOp('Add', {}, [
        ['N', 3],
        [2, 3],
      ]),
    ).toThrow('shapes [N, 3] and [2, 3] do not broadcast');
    expect(() =>
      inferOp('Add', {}, [
        ['N', 3],
        ['N', 4],
      ]),
    ).toThrow('Add block1/layer: ');
    expect(() => inferOp('Add', {}, [[3], [3]], ['float32', 'int32'])).toThrow('b must be float32, got int32');
  });
});

describe('channels of arithmetic', () => {
  test('equal extents are tied', () => {
    const r = recordChannels('Add', {}, [
      { shape: ['N', 3, 4], fixed: [2] },
      { shape: ['N', 3, 4], fixed: [2] },
    ]);
    expect(r.input(0, 1)).toEqual(r.input(1, 1));
    expect(listed(r.output[1])).toEqual(r.input(0, 1));
  });
  test('one channel against many is frozen; the output has the many', () => {
    for (const order of [0, 1]) {
      const many = { shape: ['N', 3, 4], fixed: [2] };
      const one = { shape: ['N', 1, 4], fixed: [2] };
      const r = recordChannels('Mul', {}, order === 0 ? [many, one] : [one, many]);
      expect(r.frozen(1 - order, 1)).toEqual(['BROADCAST']);
      expect(listed(r.output[1])).toEqual(r.input(order, 1));
      expect(r.frozen(order, 1)).toEqual([]);
    }
  });
  test('a constant of lower rank is tied where it stands, and frozen along fixed axes', () => {
    const r = recordChannels('Add', {}, [{ shape: ['N', 3, 4], fixed: [2] }, { shape: [3, 4] }]);
    expect(r.input(1, 0)).toEqual(r.input(0, 1));
    expect(r.frozen(1, 1)).toHaveLength(4);
    expect(r.output[2] === FIXED || listed(r.output[2]).every(r.isFrozen)).toBe(true);
  });
  test('channels against a fixed axis are frozen', () => {
    const r = recordChannels('Add', {}, [{ shape: ['N', 3] }, { shape: ['N', 3], fixed: [1] }]);
    expect(r.frozen(0, 1)).toHaveLength(3);
  });
});
