import { describe, expect, test } from 'vitest';
import { FIXED, type SliceContext } from '../../../src/graph/channels.js';
import { getOp } from '../../../src/graph/ops/index.js';
import { listed, recordChannels } from '../recording-context.js';
import { counting, inferOp, nodeOf, ref, runOp } from '../run-op.js';

const ones = (shape: number[]) => ref(shape, new Array(shape.reduce((p, d) => p * d, 1)).fill(1));

describe('Conv computes', () => {
  test('a 2-D window with a bias', () => {
    const y = runOp('Conv', {}, [counting([1, 1, 3, 3]), ref([1, 1, 2, 2], [1, 2, 3, 4]), ref([1], [0.5])]);
    // 1·1 + 2·2 + 3·4 + 4·5 = 37
    expect([...y.data]).toEqual([37.5, 47.5, 67.5, 77.5]);
  });

  test('asymmetric pads', () => {
    const y = runOp('Conv', { pads: [1, 0, 0, 2] }, [counting([1, 1, 2, 2]), ones([1, 1, 2, 2])]);
    expect(y.shape).toEqual([1, 1, 2, 3]);
    expect([...y.data]).toEqual([3, 2, 0, 10, 6, 0]);
  });

  test('strides and dilations', () => {
    const y = runOp('Conv', { strides: [2], dilations: [2] }, [counting([1, 1, 7]), ref([1, 1, 2], [1, 10])]);
    expect([...y.data]).toEqual([31, 53, 75]);
  });

  test('groups: each sees its own input channels', () => {
    const x = ref([1, 4, 1], [1, 2, 3, 4]);
    const w = ref([2, 2, 1], [1, 10, 100, 1000]);
    expect([...runOp('Conv', { group: 2 }, [x, w]).data]).toEqual([21, 4300]);
  });

  test('depthwise with a multiplier: output c·m + j comes from channel c', () => {
    const x = ref([1, 2, 1], [1, 2]);
    const w = ref([4, 1, 1], [1, 2, 3, 4]);
    expect([...runOp('Conv', { group: 2 }, [x, w]).data]).toEqual([1, 2, 6, 8]);
  });

  test('3-D volumes, several samples', () => {
    const y = runOp('Conv', { strides: [1, 2, 1] }, [counting([2, 1, 2, 2, 2]), ones([1, 1, 2, 2, 1])]);
    expect(y.shape).toEqual([2, 1, 1, 1, 2]);
    expect([...y.data]).toEqual([1 + 3 + 5 + 7, 2 + 4 + 6 + 8, 9 + 11 + 13 + 15, 10 + 12 + 14 + 16]);
  });

  test('SAME_UPPER with a stride', () => {
    const y = runOp('Conv', { auto_pad: 'SAME_UPPER', strides: [2] }, [counting([1, 1, 4]), ones([1, 1, 3])]);
    expect([...y.data]).toEqual([6, 7]);
  });
});

describe('Conv refuses, naming the layer,', () => {
  test.each([
    [
      {},
      [
        ['N', 3, 8, 8],
        [4, 2, 3, 3],
      ],
      'x has 3 channels, W takes 2 in each of 1 groups',
    ],
    [
      { group: 3 },
      [
        ['N', 3, 8, 8],
        [4, 1, 3, 3],
      ],
      '4 filters do not divide into 3 groups',
    ],
    [
      {},
      [
        ['N', 3, 8],
        [4, 3, 3, 3],
      ],
      'x has 3 axes and W 4',
    ],
    [
      {},
      [
        ['N', 3],
        [4, 3],
      ],
      'x needs at least 3 axes, got shape [N, 3]',
    ],
    [{}, [['N', 3, 8, 8], [4, 3, 3, 3], [5]], 'the bias must have shape [4], got [5]'],
    [
      {},
      [
        ['N', 3, 2, 2],
        [4, 3, 3, 3],
      ],
      'a window spanning 3 does not fit an extent of 2',
    ],
    [
      { group: 1.5 },
      [
        ['N', 3, 8, 8],
        [4, 3, 3, 3],
      ],
      'attribute group must be a whole number, got 1.5',
    ],
    [
      { auto_pad: 'SAME_UPPER' },
      [
        ['N', 1, 65536, 65536],
        [4, 1, 3, 3],
      ],
      'overflows: 17179869184 elements',
    ],
  ] as const)('%o on %j', (attrs, shapes, message) => {
    expect(() => inferOp('Conv', attrs, shapes)).toThrow(message);
    expect(() => inferOp('Conv', attrs, shapes)).toThrow('Conv block1/layer: ');
  });

  test('weights of another dtype', () => {
    expect(() =>
      inferOp(
        'Conv',
        {},
        [
          ['N', 3, 8, 8],
          [4, 3, 3, 3],
        ],
        ['float32', 'float64'],
      ),
    ).toThrow('W must be float32');
  });
});

describe('Conv channels', () => {
  const fixed = [2, 3];
  test('one group: input with W axis 1, output is W axis 0 and the bias', () => {
    const r = recordChannels('Conv', {}, [{ shape: ['N', 3, 8, 8], fixed }, { shape: [4, 3, 3, 3] }, { shape: [4] }]);
    expect(r.input(0, 1)).toEqual(r.input(1, 1));
    expect(listed(r.output[1])).toEqual(r.input(1, 0));
    expect(r.input(2, 0)).toEqual(r.input(1, 0));
    expect(new Set([...r.input(0, 1), ...r.input(1, 0)]).size).toBe(7);
    expect([r.output[0], r.output[2], r.output[3]]).toEqual([FIXED, FIXED, FIXED]);
    expect(r.frozen(1, 2)).toHaveLength(3);
    expect([...r.frozen(0, 1), ...r.frozen(1, 0)]).toEqual([]);
  });

  test('a fixed input freezes what reads it, not what is made of it', () => {
    const r = recordChannels('Conv', {}, [{ shape: ['N', 3, 8], fixed: [1, 2] }, { shape: [4, 3, 3] }]);
    expect(r.frozen(1, 1)).toHaveLength(3);
    expect(r.frozen(1, 0)).toHaveLength(0);
  });

  test('depthwise: output channel is input channel', () => {
    const r = recordChannels('Conv', { group: 3 }, [{ shape: ['N', 3, 8], fixed: [2] }, { shape: [3, 1, 3] }]);
    expect(listed(r.output[1])).toEqual(r.input(0, 1));
    expect(r.input(1, 0)).toEqual(r.input(0, 1));
    expect(new Set(r.input(0, 1)).size).toBe(3);
    expect(r.frozen(1, 1)).toHaveLength(1);
  });

  test('depthwise with multiplier 2: output c·2 + j has the channel of input c', () => {
    const r = recordChannels('Conv', { group: 2 }, [{ shape: ['N', 2, 8], fixed: [2] }, { shape: [4, 1, 3] }]);
    const [a, b] = r.input(0, 1);
    expect(a).not.toBe(b);
    expect(listed(r.output[1])).toEqual([a, a, b, b]);
    expect(r.input(1, 0)).toEqual([a, a, b, b]);
  });

  test('groups: position j of every group is one channel, on each side', () => {
    const r = recordChannels('Conv', { group: 2 }, [{ shape: ['N', 6, 8], fixed: [2] }, { shape: [4, 3, 3] }]);
    const [a, b, c] = r.input(1, 1);
    expect(r.input(0, 1)).toEqual([a, b, c, a, b, c]);
    const [p, q] = r.input(1, 0);
    expect(listed(r.output[1])).toEqual([p, q, p, q]);
    expect(new Set([a, b, c, p, q]).size).toBe(5);
  });

  test('channels that stand on a spatial axis are frozen with a reason', () => {
    const r = recordChannels('Conv', {}, [{ shape: ['N', 3, 8] }, { shape: [4, 3, 3] }]);
    expect(new Set(r.frozen(0, 2))).toEqual(new Set(['SPATIAL_AXIS']));
  });
});

describe('Conv of fewer channels', () => {
  const sliced = (attrs: { group: number }, weight: number[], kept: number[]) => {
    const context: SliceContext = {
      keptIn: (input, axis) => (input === 0 && axis === 1 ? Int32Array.from(kept) : undefined),
      keptOut: () => undefined,
      inputShape: (i) => (i === 0 ? ['N', 4, 8] : weight),
      outputShape: () => ['N', weight[0], 8],
      newOutputShape: () => ['N', weight[0], 8],
    };
    return getOp('Conv').slice?.(nodeOf('Conv', attrs, 2), context);
  };
  test('has as many groups as channels are left if it is depthwise', () => {
    expect(sliced({ group: 4 }, [8, 1, 3], [0, 2, 3])).toEqual({ group: 3 });
  });
  test('keeps its groups if it is not', () => {
    expect(sliced({ group: 2 }, [4, 2, 3], [0, 2])).toEqual({ group: 2 });
  });
});

describe('Conv in units', () => {
  const axes = (attrs: Record<string, number>, weight: number[]) =>
    getOp('Conv').parametric?.(nodeOf('Conv', attrs, 2), [
      { dtype: 'float32', shape: ['N', 4, 8] },
      { dtype: 'float32', shape: weight },
    ]);
  test('passes channels through exactly when it is depthwise with one filter a channel', () => {
    expect(axes({ group: 4 }, [4, 1, 3])).toEqual({ input: 1, output: 1, passThrough: true });
    expect(axes({ group: 4 }, [8, 1, 3])?.passThrough).toBe(false);
    expect(axes({ group: 2 }, [4, 2, 3])?.passThrough).toBe(false);
  });
});

test('a convolution of 10 million multiply-adds takes the reference well under a second', () => {
  const x = counting([1, 32, 33, 33]);
  const w = ones([32, 32, 3, 3]);
  runOp('Conv', { pads: [1, 1, 1, 1] }, [x, w]);
  const start = performance.now();
  runOp('Conv', { pads: [1, 1, 1, 1] }, [x, w]);
  expect(performance.now() - start).toBeLessThan(800);
});
