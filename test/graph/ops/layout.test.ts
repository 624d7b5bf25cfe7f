import { describe, expect, test } from 'vitest';
import { FIXED } from '../../../src/graph/channels.js';
import type { Attrs } from '../../../src/graph/graph.js';
import { listed, recordChannels } from '../recording-context.js';
import { counting, inferOp, ref, runOp } from '../run-op.js';

describe('Concat', () => {
  test('joins on any axis', () => {
    expect([...runOp('Concat', { axis: 0 }, [counting([1, 2]), counting([2, 2])]).data]).toEqual([1, 2, 1, 2, 3, 4]);
    expect(runOp('Concat', { axis: -1 }, [counting([2, 1]), counting([2, 2])])).toEqual(
      ref([2, 3], [1, 1, 2, 2, 3, 4]),
    );
  });
  test('refuses what does not fit, naming the layer', () => {
    expect(() =>
      inferOp('Concat', { axis: 1 }, [
        ['N', 2, 3],
        ['N', 2, 4],
      ]),
    ).toThrow('Concat block1/layer: inputs 1 and 0 differ off axis 1: [N, 2, 4] and [N, 2, 3]');
    expect(() => inferOp('Concat', {}, [['N', 2]])).toThrow('attribute axis is required');
    expect(() => inferOp('Concat', { axis: 2 }, [['N', 2]])).toThrow('axis 2 is out of range for 2 axes');
    expect(() =>
      inferOp('Concat', { axis: 0 }, [
        ['N', 2],
        ['N', 2],
      ]),
    ).toThrow('extents [N,N] on axis 0 must be known');
  });
  test('its channels are those of its inputs, one after another', () => {
    const r = recordChannels('Concat', { axis: 1 }, [{ shape: ['N', 2, 3] }, { shape: ['N', 1, 3] }]);
    expect(listed(r.output[1])).toEqual([...r.input(0, 1), ...r.input(1, 1)]);
    expect(r.input(0, 2)).toEqual(r.input(1, 2));
    expect(listed(r.output[2])).toEqual(r.input(0, 2));
  });
  test('a fixed part stays, and leaves the others free', () => {
    const r = recordChannels('Concat', { axis: 1 }, [{ shape: ['N', 2] }, { shape: ['N', 3], fixed: [1] }]);
    expect(listed(r.output[1]).map(r.isFrozen)).toEqual([false, false, true, true, true]);
    expect(listed(r.output[1]).slice(0, 2)).toEqual(r.input(0, 1));
  });
  test('off its axis, channels against a fixed axis are frozen', () => {
    const r = recordChannels('Concat', { axis: 1 }, [{ shape: ['N', 2, 3] }, { shape: ['N', 2, 3], fixed: [2] }]);
    expect(r.frozen(0, 2)).toHaveLength(3);
  });
});

describe('Transpose', () => {
  test('moves data and channels', () => {
    expect(runOp('Transpose', { perm: [1, 0] }, [counting([2, 3])])).toEqual(ref([3, 2], [1, 4, 2, 5, 3, 6]));
    const y = runOp('Transpose', { perm: [2, 0, 1] }, [counting([2, 2, 2])]);
    expect([...y.data]).toEqual([1, 3, 5, 7, 2, 4, 6, 8]);
    const r = recordChannels('Transpose', { perm: [0, 2, 3, 1] }, [{ shape: ['N', 3, 4, 5], fixed: [2, 3] }]);
    expect(listed(r.output[3])).toEqual(r.input(0, 1));
    expect(r.output.slice(0, 3)).toEqual([FIXED, FIXED, FIXED]);
  });
  test('reverses the axes by default and refuses what is no permutation', () => {
    expect(inferOp('Transpose', {}, [['N', 2, 3]]).shape).toEqual([3, 2, 'N']);
    expect(() => inferOp('Transpose', { perm: [0, 1, 1] }, [['N', 2, 3]])).toThrow(
      'Transpose block1/layer: perm must be a permutation of 3 axes, got [0,1,1]',
    );
  });
});

describe('Pad', () => {
  const x = counting([1, 3]);
  test.each([
    [{ pads: [0, 1, 0, 2], value: 9 }, [9, 1, 2, 3, 9, 9]],
    [{ pads: [0, 2, 0, 2], mode: 'reflect' }, [3, 2, 1, 2, 3, 2, 1]],
    [{ pads: [0, 2, 0, 1], mode: 'edge' }, [1, 1, 1, 2, 3, 3]],
    [{ pads: [0, -1, 0, 1] }, [2, 3, 0]],
  ])('%o', (attrs, expected) => {
    expect([...runOp('Pad', attrs, [x]).data]).toEqual(expected);
  });
  test('on two axes', () => {
    expect([...runOp('Pad', { pads: [1, 0, 0, 1] }, [counting([1, 2])]).data]).toEqual([0, 0, 0, 1, 2, 0]);
  });
  test('refuses, naming the layer', () => {
    const infer = (attrs: Record<string, number[] | string>) => () => inferOp('Pad', attrs, [['N', 3]]);
    expect(infer({ pads: [1, 1] })).toThrow('Pad block1/layer: pads must be 4 numbers, got [1,1]');
    expect(infer({ pads: [0, 3, 0, 0], mode: 'reflect' })).toThrow('must be below the extent 3 of axis 1');
    expect(infer({ pads: [1, 0, 0, 0] })).toThrow('the batch of [N, 3] can not be padded');
    expect(infer({ pads: [0, -2, 0, -1] })).toThrow('output would have shape [N, 0]');
  });
  test('added channels never go, those that were there may', () => {
    const r = recordChannels('Pad', { pads: [0, 1, 0, 1] }, [{ shape: ['N', 2] }]);
    expect(listed(r.output[1]).map(r.isFrozen)).toEqual([true, false, false, true]);
    expect(listed(r.output[1]).slice(1, 3)).toEqual(r.input(0, 1));
  });
  test.each<Attrs>([{ pads: [0, -1, 0, 0] }, { pads: [0, 1, 0, 0], mode: 'reflect' }])(
    '%o freezes the axis',
    (attrs) => {
      const r = recordChannels('Pad', attrs, [{ shape: ['N', 3] }]);
      expect(r.frozen(0, 1)).toEqual(['PADDED_AXIS', 'PADDED_AXIS', 'PADDED_AXIS']);
      expect(r.output[1]).toBe(FIXED);
    },
  );
});
