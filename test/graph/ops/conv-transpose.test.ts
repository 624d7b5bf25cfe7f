import { describe, expect, test } from 'vitest';
import { FIXED, type SliceContext } from '../../../src/graph/channels.js';
import { getOp } from '../../../src/graph/ops/index.js';
import { listed, recordChannels } from '../recording-context.js';
import { counting, inferOp, nodeOf, ref, runOp } from '../run-op.js';

describe('ConvTranspose computes', () => {
  test('overlapping windows, with a bias', () => {
    const y = runOp('ConvTranspose', {}, [ref([1, 1, 2], [1, 2]), ref([1, 1, 3], [1, 10, 100]), ref([1], [0.5])]);
    expect([...y.data]).toEqual([1.5, 12.5, 120.5, 200.5]);
  });

  test('strides, pads and output padding', () => {
    const attrs = { strides: [2], pads: [1, 0], output_padding: [1] };
    const y = runOp('ConvTranspose', attrs, [ref([1, 1, 2], [1, 2]), ref([1, 1, 3], [1, 10, 100])]);
    // 1 10 102 20 200, one cut off at the front, one zero added behind.
    expect([...y.data]).toEqual([10, 102, 20, 200, 0]);
  });

  test('dilations', () => {
    const y = runOp('ConvTranspose', { dilations: [2] }, [ref([1, 1, 2], [1, 2]), ref([1, 1, 2], [1, 10])]);
    expect([...y.data]).toEqual([1, 2, 10, 20]);
  });

  test('groups: filters lie by input channel', () => {
    const x = ref([1, 4, 1], [1, 2, 3, 4]);
    const w = ref([4, 1, 1], [1, 10, 100, 1000]);
    expect([...runOp('ConvTranspose', { group: 2 }, [x, w]).data]).toEqual([21, 4300]);
  });

  test('depthwise with a multiplier: output c·m + j comes from channel c', () => {
    const y = runOp('ConvTranspose', { group: 2 }, [ref([1, 2, 1], [1, 2]), ref([2, 2, 1], [1, 2, 3, 4])]);
    expect([...y.data]).toEqual([1, 2, 6, 8]);
  });

  test.each([
    // The sum [1, 12, 120, 200] loses 2 elements: 1 in front and 1 behind.
    ['SAME_UPPER', 1, [12, 120]],
    ['SAME_LOWER', 1, [12, 120]],
    // [1, 10, 102, 20, 200] loses 1.
    ['SAME_UPPER', 2, [1, 10, 102, 20]],
    ['SAME_LOWER', 2, [10, 102, 20, 200]],
    // A stride beyond the kernel leaves room, which is at the end.
    ['SAME_UPPER', 4, [1, 10, 100, 0, 2, 20, 200, 0]],
  ])('%s with stride %i: extent · stride', (auto_pad, stride, expected) => {
    const inputs = [ref([1, 1, 2], [1, 2]), ref([1, 1, 3], [1, 10, 100])];
    expect([...runOp('ConvTranspose', { auto_pad, strides: [stride] }, inputs).data]).toEqual(expected);
  });
});

describe('ConvTranspose refuses, naming the layer,', () => {
  test.each([
    [{}, [3, 4], [3, 2, 3, 3], 'x has 3 axes and W 4'],
    [{}, [3, 4, 4], [4, 2, 3, 3], 'x has 3 channels, W takes 4'],
    [{ group: 2 }, [3, 4, 4], [3, 2, 3, 3], '3 channels do not divide into 2 groups'],
    [
      { output_padding: [1, 1] },
      [3, 4, 4],
      [3, 2, 3, 3],
      'output_padding must be from 0 to below the strides [1,1], got [1,1]',
    ],
    [{ pads: [3, 3, 3, 3] }, [3, 4, 4], [3, 2, 3, 3], 'output would have shape [N, 2, 0, 0]'],
  ])('%j for x [N, %j] and W %j', (attrs, x, w, message) => {
    expect(() => inferOp('ConvTranspose', attrs, [['N', ...x], w])).toThrow(message);
    expect(() => inferOp('ConvTranspose', attrs, [['N', ...x], w])).toThrow('block1/layer');
  });
});

test('extents that are known only at run time are named after what is done to them', () => {
  const shapes = [
    ['N', 3, 'H', 8],
    [3, 2, 3, 3],
  ];
  expect(inferOp('ConvTranspose', { pads: [1, 1, 1, 1] }, shapes).shape).toEqual(['N', 2, 'H', 8]);
  expect(inferOp('ConvTranspose', { strides: [2, 2] }, shapes).shape).toEqual(['N', 2, 'transposed(H 1*2)', 17]);
});

describe('ConvTranspose channels', () => {
  const fixed = [2];
  test('one group: input with W axis 0, output is W axis 1 and the bias', () => {
    const r = recordChannels('ConvTranspose', {}, [
      { shape: ['N', 3, 8], fixed },
      { shape: [3, 4, 3] },
      { shape: [4] },
    ]);
    expect(r.input(0, 1)).toEqual(r.input(1, 0));
    expect(listed(r.output[1])).toEqual(r.input(1, 1));
    expect(r.input(2, 0)).toEqual(r.input(1, 1));
    expect(r.output[2]).toBe(FIXED);
    expect([...r.frozen(1, 0), ...r.frozen(1, 1)]).toEqual([]);
  });

  test('depthwise with multiplier 2', () => {
    const r = recordChannels('ConvTranspose', { group: 2 }, [{ shape: ['N', 2, 8], fixed }, { shape: [2, 2, 3] }]);
    const [a, b] = r.input(0, 1);
    expect(listed(r.output[1])).toEqual([a, a, b, b]);
    expect(r.input(1, 0)).toEqual([a, b]);
    expect(r.frozen(1, 1)).toHaveLength(2);
  });

  test('groups: position j of every group is one channel, on each side', () => {
    const r = recordChannels('ConvTranspose', { group: 2 }, [{ shape: ['N', 6, 8], fixed }, { shape: [6, 2, 3] }]);
    const [a, b, c] = r.input(0, 1);
    expect(r.input(0, 1)).toEqual([a, b, c, a, b, c]);
    expect(r.input(1, 0)).toEqual([a, b, c, a, b, c]);
    const [p, q] = r.input(1, 1);
    expect(listed(r.output[1])).toEqual([p, q, p, q]);
  });
});

test('a depthwise one of fewer channels has as many groups, another keeps its groups', () => {
  const sliced = (group: number, weight: number[], kept: number[]) => {
    const context: SliceContext = {
      keptIn: (input, axis) => (input === 0 && axis === 1 ? Int32Array.from(kept) : undefined),
      keptOut: () => undefined,
      inputShape: (i) => (i === 0 ? ['N', 4, 8] : weight),
      outputShape: () => ['N', 4, 8],
      newOutputShape: () => ['N', 4, 8],
    };
    return getOp('ConvTranspose').slice?.(nodeOf('ConvTranspose', { group }, 2), context);
  };
  expect(sliced(4, [4, 1, 3], [0, 2, 3])).toEqual({ group: 3 });
  expect(sliced(2, [4, 2, 3], [0, 2])).toEqual({ group: 2 });
});

test('costs a multiply-add for each weight and input position', () => {
  const spec = (shape: (number | string)[]) => ({ dtype: 'float32' as const, shape });
  const inputs = [spec(['N', 4, 5, 5]), spec([4, 3, 2, 2]), spec([6])];
  const node = nodeOf('ConvTranspose', { group: 2, strides: [2, 2] }, 3);
  const cost = getOp('ConvTranspose').cost?.({ node, inputs, outputs: [spec(['N', 6, 10, 10])], isWeight: () => true });
  expect(cost).toEqual({ macs: 4 * 3 * 4 * 25, mmrazor: 4 * 3 * 4 * 25 + 600 });
});

test('it is the transpose of the convolution with the same weights', () => {
  const w = counting([2, 3, 2, 2]);
  const attrs = { strides: [2, 1], pads: [1, 0, 0, 1] };
  const [x, y] = [counting([1, 3, 5, 4]), counting([1, 2, 3, 4])];
  const inner = (a: Float64Array, b: Float64Array) => a.reduce((sum, v, i) => sum + v * b[i], 0);
  const forth = runOp('Conv', attrs, [x, w]);
  expect(forth.shape).toEqual(y.shape);
  const back = runOp('ConvTranspose', attrs, [y, w]);
  expect(back.shape).toEqual(x.shape);
  expect(inner(forth.data, y.data)).toBe(inner(x.data, back.data));
});
