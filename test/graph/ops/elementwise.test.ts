import { describe, expect, test } from 'vitest';
import { FIXED } from '../../../src/graph/channels.js';
import { getOp } from '../../../src/graph/ops/index.js';
import { listed, recordChannels } from '../recording-context.js';
import { counting, inferOp, nodeOf, ref, runOp } from '../run-op.js';

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
    ['Elu', { alpha: 2 }, [2 * Math.expm1(-2), 2 * Math.expm1(-0.5), 0, 1, 7]],
    ['HardSigmoid', { alpha: 0.5 }, [0, 0.25, 0.5, 1, 1]],
    ['Softsign', {}, [-2 / 3, -1 / 3, 0, 0.5, 0.875]],
    ['Pow', { exponent: 2 }, [4, 0.25, 0, 1, 49]],
    ['Reciprocal', {}, [-0.5, -2, Number.POSITIVE_INFINITY, 1, 1 / 7]],
  ])('%s %o', (op, attrs, expected) => {
    expect([...runOp(op, attrs, [x]).data]).toEqual(expected);
  });
  // The expected values are from the formulas of ONNX, in Python (math.erf, log1p, expm1).
  test.each([
    ['Erf', {}, [-0.9953222650189527, -0.5204998778130465, 0, 0.8427007929497149, 1]],
    ['Gelu', {}, [-0.04550026389635842, -0.15426876936299344, 0, 0.8413447460685429, 6.999999999991041]],
    [
      'Gelu',
      { approximate: 'tanh' },
      [-0.04540230591222494, -0.15428599017485606, 0, 0.8411919906082768, 6.999999999999997],
    ],
    ['Softplus', {}, [0.1269280110429725, 0.4740769841801067, Math.LN2, 1.3132616875182228, 7.000911466453774]],
    ['Mish', {}, [-0.2525014826957089, -0.22074377465173, 0, 0.8650983882673103, 6.999988379809741]],
    ['HardSwish', {}, [-0.33333333333333337, -0.20833333333333334, 0, 0.6666666666666666, 7]],
    ['Selu', {}, [-1.5201664733475926, -0.6917581899652425, 0, 1.0507010221481323, 7.354907155036926]],
  ])('%s %o', (op, attrs, expected) => {
    const { data } = runOp(op, attrs, [x]);
    expected.forEach((value, i) => {
      expect(data[i]).toBeCloseTo(value, 13);
    });
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
  test('whole numbers wrap around their range, and by zero they divide to 0', () => {
    const bytes = [ref([2], [200, 3], 'uint8'), ref([2], [100, 5], 'uint8')];
    expect([...runOp('Add', {}, bytes).data]).toEqual([44, 8]);
    expect([...runOp('Sub', {}, bytes).data]).toEqual([100, 254]);
    const words = [ref([2], [2 ** 31 - 1, 7], 'int32'), ref([2], [2 ** 31 - 1, 0], 'int32')];
    expect([...runOp('Mul', {}, words).data]).toEqual([1, 0]);
    expect([...runOp('Add', {}, words).data]).toEqual([-2, 7]);
    expect([...runOp('Div', {}, words).data]).toEqual([1, 0]);
  });

  test('broadcasts both ways', () => {
    const y = runOp('Sub', {}, [ref([2, 1], [10, 20]), ref([3], [1, 2, 3])]);
    expect(y).toEqual(ref([2, 3], [9, 8, 7, 19, 18, 17]));
    expect([...runOp('Mul', {}, [counting([2, 2]), ref([], [3])]).data]).toEqual([3, 6, 9, 12]);
    expect([...runOp('Div', {}, [counting([2]), ref([2], [2, 4])]).data]).toEqual([0.5, 0.5]);
  });
  test('the lesser and the greater', () => {
    expect([...runOp('Min', {}, [ref([3], [1, 5, 2]), ref([], [2])]).data]).toEqual([1, 2, 2]);
    expect([...runOp('Max', {}, [ref([3], [1, 5, 2]), ref([], [2])]).data]).toEqual([2, 5, 2]);
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

describe('PRelu', () => {
  test('multiplies what is below zero by a slope that broadcasts', () => {
    const x = ref([1, 2, 2], [-1, 2, -3, 4]);
    expect([...runOp('PRelu', {}, [x, ref([2, 1], [0.5, 10])]).data]).toEqual([-0.5, 2, -30, 4]);
    expect([...runOp('PRelu', {}, [x, ref([1], [2])]).data]).toEqual([-2, 2, -6, 4]);
    expect([...runOp('PRelu', {}, [x, ref([2], [3, 5])]).data]).toEqual([-3, 2, -9, 4]);
  });
  test('ties its slope to the channels that it passes on', () => {
    const r = recordChannels('PRelu', {}, [{ shape: ['N', 3, 2], fixed: [2] }, { shape: [3, 1] }]);
    expect(r.input(1, 0)).toEqual(r.input(0, 1));
    expect(listed(r.output[1])).toEqual(r.input(0, 1));
    expect(r.frozen(0, 1)).toEqual([]);
  });
  test('a slope for all channels leaves them free', () => {
    const r = recordChannels('PRelu', {}, [{ shape: ['N', 3, 2], fixed: [2] }, { shape: [1] }]);
    expect(r.frozen(0, 1)).toEqual([]);
    expect(listed(r.output[1])).toEqual(r.input(0, 1));
  });
  test.each([
    [[3, 1, 1], 1],
    [[3, 4, 5], 1],
    [[5], 3],
    [[1, 4, 1], 2],
    [[1, 1, 1], undefined],
  ])('a slope of shape %o has its channels on axis %s', (slope, axis) => {
    const specs = [['N', 3, 4, 5], slope].map((shape) => ({ dtype: 'float32' as const, shape }));
    expect(getOp('PRelu').parametric!(nodeOf('PRelu', {}, 2), specs)?.output).toBe(axis);
  });
  test('refuses a slope that is larger than its input', () => {
    expect(() =>
      inferOp('PRelu', {}, [
        ['N', 1, 4],
        [3, 1],
      ]),
    ).toThrow('PRelu block1/layer: what the slope broadcasts to must have shape [N, 1, 4], got [N, 3, 4]');
  });
});
