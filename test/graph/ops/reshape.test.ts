import { describe, expect, test } from 'vitest';
import { FIXED, type SliceContext } from '../../../src/graph/channels.js';
import { getOp } from '../../../src/graph/ops/index.js';
import { reshapeBlocks } from '../../../src/graph/ops/reshape-blocks.js';
import { listed, recordChannels } from '../recording-context.js';
import { counting, inferOp, nodeOf, runOp } from '../run-op.js';

describe('shapes', () => {
  test.each([
    [{ shape: [-1, 8] }, ['N', 2, 4], ['N', 8]],
    [{ shape: [0, -1] }, ['N', 2, 4], ['N', 8]],
    [{ shape: [-1, 4] }, ['N', 2, 4], ['2*N', 4]],
    [{ shape: [-1, 2, 4] }, ['2*N', 4], ['N', 2, 4]],
    [{ shape: [0, 2, 2, 0] }, ['N', 4, 1, 3], ['N', 2, 2, 3]],
    [{ shape: [4, 2] }, [2, 4], [4, 2]],
  ])('Reshape %o of %j is %j', (attrs, from, to) => {
    expect(inferOp('Reshape', attrs, [from]).shape).toEqual(to);
  });

  test.each([
    [{}, ['N', 3, 4, 5], ['N', 60]],
    [{ axis: 2 }, ['N', 3, 4, 5], ['3*N', 20]],
    [{ axis: 0 }, ['N', 3, 4], [1, '12*N']],
    [{ axis: -1 }, [2, 3, 4], [6, 4]],
    [{ axis: 3 }, [2, 3, 4], [24, 1]],
  ])('Flatten %o of %j is %j', (attrs, from, to) => {
    expect(inferOp('Flatten', attrs, [from]).shape).toEqual(to);
  });

  test.each([
    [{ shape: [-1, 7] }, 'x of shape [N, 2, 4] can not take shape [-1,7]'],
    [{ shape: [8] }, 'can not take shape [8]'],
    [{ shape: [-1, -1] }, 'at most one -1'],
    [{ shape: [-2, 4] }, 'numbers from 0'],
    [{ shape: [0, 2, 4, 0] }, 'shape copies axis 3'],
    [{}, 'attribute shape must be a list of whole numbers'],
  ])('Reshape %o is refused', (attrs, message) => {
    expect(() => inferOp('Reshape', attrs, [['N', 2, 4]])).toThrow(`Reshape block1/layer: `);
    expect(() => inferOp('Reshape', attrs, [['N', 2, 4]])).toThrow(message);
  });

  test('data keep their order', () => {
    expect(runOp('Reshape', { shape: [3, -1] }, [counting([2, 3])])).toEqual({ ...counting([2, 3]), shape: [3, 2] });
  });
});

test.each([
  [
    ['N', 4, 7, 7],
    ['N', 196],
    ['0-1|0-1', '1-4|1-2'],
  ],
  [
    ['N', 4, 1, 1],
    ['N', 4],
    ['0-1|0-1', '1-2|1-2', '2-3|2-2', '3-4|2-2'],
  ],
  [
    ['N', 4],
    ['N', 1, 1, 4],
    ['0-1|0-1', '1-1|1-2', '1-1|2-3', '1-2|3-4'],
  ],
  [
    ['N', 6, 5, 2],
    ['N', 2, 3, 10],
    ['0-1|0-1', '1-2|1-3', '2-4|3-4'],
  ],
  [
    ['N', 4, 8],
    ['4*N', 8],
    ['0-2|0-1', '2-3|1-2'],
  ],
  [[2, 6], [3, 4], ['0-2|0-2']],
])('a reshape of %j to %j factors into %j', (from, to, blocks) => {
  expect(reshapeBlocks(from, to).map((b) => `${b.inFrom}-${b.inTo}|${b.outFrom}-${b.outTo}`)).toEqual(blocks);
});

describe('channels', () => {
  test('flatten of [C, H, W]: each feature has the channel it came from', () => {
    const r = recordChannels('Flatten', {}, [{ shape: ['N', 2, 2, 2], fixed: [2, 3] }]);
    const [a, b] = r.input(0, 1);
    expect(listed(r.output[1])).toEqual([a, a, a, a, b, b, b, b]);
    expect(r.output[0]).toBe(FIXED);
  });

  test('flatten of [H, W, C], as Keras orders it', () => {
    const r = recordChannels('Flatten', {}, [{ shape: ['N', 2, 1, 3], fixed: [1, 2] }]);
    const [a, b, c] = r.input(0, 3);
    expect(listed(r.output[1])).toEqual([a, b, c, a, b, c]);
  });

  test('two axes with channels merged into one are frozen, with a reason', () => {
    const r = recordChannels('Flatten', {}, [{ shape: ['N', 2, 3] }]);
    expect(r.output[1]).toBe(FIXED);
    expect([...r.frozen(0, 1), ...r.frozen(0, 2)]).toEqual(new Array(5).fill('MERGED_AXES'));
  });

  test('an axis all of whose channels are frozen already counts as fixed', () => {
    const r = recordChannels('Flatten', {}, [{ shape: ['N', 2, 3] }], (ctx) =>
      ctx.freeze(ctx.input(0)[1], { code: 'test', message: '' }),
    );
    expect(listed(r.output[1])).toEqual([...r.input(0, 2), ...r.input(0, 2)]);
  });

  test('channels merged with the batch are frozen', () => {
    const r = recordChannels('Reshape', { shape: [-1, 3] }, [{ shape: ['N', 2, 3] }]);
    expect(r.output[0]).toBe(FIXED);
    expect(r.frozen(0, 1)).toEqual(['MERGED_AXES', 'MERGED_AXES']);
    expect(listed(r.output[1])).toEqual(r.input(0, 2));
  });

  test('a flattened image splits back exactly, without a tie', () => {
    const channels = { 1: [7, 7, 7, 7, 8, 8, 8, 8, 9, 9, 9, 9] };
    const r = recordChannels('Reshape', { shape: [0, 3, 2, 2] }, [{ shape: ['N', 12], channels }]);
    expect(r.output.map((axis) => (axis === FIXED ? axis : [...axis]))).toEqual([FIXED, [7, 8, 9], FIXED, FIXED]);
    const last = recordChannels('Reshape', { shape: [0, 2, 2, 3] }, [
      { shape: ['N', 12], channels: { 1: [7, 8, 9, 7, 8, 9, 7, 8, 9, 7, 8, 9] } },
    ]);
    expect(listed(last.output[3])).toEqual([7, 8, 9]);
    expect(last.output[1]).toBe(FIXED);
  });

  test('free features that become [C, H, W] are tied within each channel', () => {
    const r = recordChannels('Reshape', { shape: [0, 5, 2, 2] }, [{ shape: ['N', 20] }]);
    expect(new Set(r.input(0, 1)).size).toBe(5);
    expect(listed(r.output[1])).toEqual(r.input(0, 1).filter((_, i) => i % 4 === 0));
  });

  test('[C] to [G, K] ties position k of all groups', () => {
    const r = recordChannels('Reshape', { shape: [0, 2, 3] }, [{ shape: ['N', 6] }]);
    const [a, b, c] = listed(r.output[2]);
    expect(r.input(0, 1)).toEqual([a, b, c, a, b, c]);
    expect(r.output[1]).toBe(FIXED);
  });

  test('[C] to [G, K] makes use of ties that are there, though K is the shorter axis', () => {
    const r = recordChannels('Reshape', { shape: [0, 3, 2] }, [{ shape: ['N', 6] }], (ctx) => {
      const channels = ctx.input(0)[1] as Int32Array;
      ctx.tie(channels.subarray(0, 2), channels.subarray(2, 4));
      ctx.tie(channels.subarray(0, 2), channels.subarray(4, 6));
    });
    expect(new Set(listed(r.output[2])).size).toBe(2);
    expect(r.output[1]).toBe(FIXED);
  });

  test('a channel shuffle permutes channels', () => {
    // [G=2, K=3] transposed to [3, 2] and merged: the position of each feature is k.
    const r = recordChannels('Reshape', { shape: [0, -1] }, [{ shape: ['N', 3, 2], fixed: [2] }]);
    const [a, b, c] = r.input(0, 1);
    expect(listed(r.output[1])).toEqual([a, a, b, b, c, c]);
  });

  test('[N, C] to [N, 1, 1, C] and back keeps channels', () => {
    const out = recordChannels('Reshape', { shape: [0, 1, 1, 3] }, [{ shape: ['N', 3] }]);
    expect(listed(out.output[3])).toEqual(out.input(0, 1));
    const back = recordChannels('Flatten', {}, [{ shape: ['N', 3, 1, 1], fixed: [2, 3] }]);
    expect(listed(back.output[1])).toEqual(back.input(0, 1));
  });

  test('the only channel of an axis that is squeezed away stays', () => {
    const r = recordChannels('Reshape', { shape: [0, 4] }, [{ shape: ['N', 1, 4] }]);
    expect(r.frozen(0, 1)).toEqual(['SQUEEZED_AXIS']);
    expect(listed(r.output[1])).toEqual(r.input(0, 2));
  });

  test('a quarter of a million features take no time to speak of', () => {
    const start = performance.now();
    const r = recordChannels('Flatten', {}, [{ shape: ['N', 5, 224, 224], fixed: [2, 3] }]);
    expect(r.output[1]).toHaveLength(250_880);
    expect(performance.now() - start).toBeLessThan(500);
  });
});

describe('Reshape of fewer channels', () => {
  const slice = (shape: number[], from: (number | string)[], kept: number, axis: number, to: (number | string)[]) => {
    const context: SliceContext = {
      keptIn: (_, a) => (a === axis ? new Int32Array(kept) : undefined),
      keptOut: () => undefined,
      inputShape: () => from,
      outputShape: () => to,
      newOutputShape: () => to,
    };
    return getOp('Reshape').slice?.(nodeOf('Reshape', { shape }, 1), context);
  };
  test('has the new extents where numbers stood, and keeps 0 and -1', () => {
    expect(slice([-1, 4, 2, 2], ['N', 16], 12, 1, ['N', 3, 2, 2])).toEqual({ shape: [-1, 3, 2, 2] });
    expect(slice([0, 64], ['N', 4, 4, 4], 3, 1, ['N', 48])).toEqual({ shape: [0, 48] });
    expect(slice([0, 0, -1], ['N', 4, 4, 4], 3, 1, ['N', 3, 16])).toEqual({ shape: [0, 0, -1] });
  });
  test('replaces a 0 whose input axis no longer has the output’s extent', () => {
    expect(slice([0, 0, 3], [2, 6, 6], 4, 2, [2, 6, 4])).toEqual({ shape: [0, 0, 4] });
    expect(slice([0, 0, 4], ['N', 4, 4], 2, 1, ['N', 4, 2])).toEqual({ shape: [0, 4, 2] });
  });
});
