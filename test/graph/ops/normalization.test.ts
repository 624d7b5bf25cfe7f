import { describe, expect, test } from 'vitest';
import type { SliceContext } from '../../../src/graph/channels.js';
import { getOp } from '../../../src/graph/ops/index.js';
import { listed, recordChannels } from '../recording-context.js';
import { counting, inferOp, nodeOf, ref, runOp } from '../run-op.js';

describe('BatchNormalization', () => {
  test('scales and shifts each channel by its running statistics', () => {
    const parameters = [
      [1, 2],
      [0, 1],
      [1, 2],
      [4, 16],
    ].map((v) => ref([2], v));
    const y = runOp('BatchNormalization', { epsilon: 0 }, [counting([1, 2, 2]), ...parameters]);
    expect([...y.data]).toEqual([0, 0.5, 1.5, 2]);
  });
  test('adds epsilon to the variance', () => {
    const [zero, one] = [ref([1], [0]), ref([1], [1])];
    const y = runOp('BatchNormalization', { epsilon: 3 }, [ref([1, 1], [6]), one, zero, zero, one]);
    expect([...y.data]).toEqual([3]);
  });
  test('ties its four vectors to the channels it passes on', () => {
    const vectors = new Array(4).fill({ shape: [3] });
    const r = recordChannels('BatchNormalization', {}, [{ shape: ['N', 3, 2], fixed: [2] }, ...vectors]);
    for (let i = 1; i < 5; i++) expect(r.input(i, 0)).toEqual(r.input(0, 1));
    expect(listed(r.output[1])).toEqual(r.input(0, 1));
  });
  test('refuses vectors of another length, naming the layer', () => {
    expect(() => inferOp('BatchNormalization', {}, [['N', 3, 4], [3], [3], [3], [2]])).toThrow(
      'BatchNormalization block1/layer: var must have shape [3], got [2]',
    );
  });
});

describe('Softmax', () => {
  test('adds up to 1 along its axis, whatever the size of the values', () => {
    const y = runOp('Softmax', {}, [ref([2, 2], [0, Math.log(3), 1e4, 1e4])]);
    expect([...y.data].map((v) => Number(v.toFixed(12)))).toEqual([0.25, 0.75, 0.5, 0.5]);
  });
  test('runs along an inner axis', () => {
    const y = runOp('Softmax', { axis: 1 }, [ref([1, 2, 2], [0, 5, Math.log(3), 5])]);
    expect([...y.data].map((v) => Number(v.toFixed(12)))).toEqual([0.25, 0.5, 0.75, 0.5]);
  });
  test('LogSoftmax stays finite where Softmax underflows', () => {
    expect([...runOp('LogSoftmax', {}, [ref([1, 2], [0, 2000])]).data]).toEqual([-2000, 0]);
  });
  test('renormalises the channels that it mixes', () => {
    const r = recordChannels('Softmax', {}, [{ shape: ['N', 3] }]);
    expect(r.renormalised).toEqual(r.input(0, 1));
    expect(listed(r.output[1])).toEqual(r.input(0, 1));
    expect(recordChannels('Softmax', { axis: 2 }, [{ shape: ['N', 3, 4], fixed: [2] }]).renormalised).toEqual([]);
  });
  test('refuses an axis that is not there', () => {
    expect(() => inferOp('Softmax', { axis: 2 }, [['N', 3]])).toThrow('Softmax block1/layer: axis 2 is out of range');
  });
});

describe('norms by the statistics of the sample', () => {
  const weights = (n: number) => [counting([n]), ref([n], new Array(n).fill(10))];
  test('LayerNormalization has a weight for each element of the axes that it normalises over', () => {
    const x = ref([2, 2], [1, 3, 5, 5]);
    expect([...runOp('LayerNormalization', { epsilon: 0 }, [x, counting([2])]).data.slice(0, 2)]).toEqual([-1, 2]);
    expect([...runOp('LayerNormalization', { epsilon: 3 }, [x, ...weights(2)]).data]).toEqual([9.5, 11, 10, 10]);
    const whole = runOp('LayerNormalization', { axis: 0, epsilon: 0 }, [ref([2, 2], [1, 1, 3, 3]), counting([2, 2])]);
    expect([...whole.data]).toEqual([-1, -2, 3, 4]);
  });
  test('GroupNormalization normalises each group, InstanceNormalization each channel', () => {
    const x = ref([1, 4, 2], [1, 1, 3, 3, 0, 4, 0, 4]);
    const groups = runOp('GroupNormalization', { num_groups: 2, epsilon: 0 }, [x, ...weights(4)]);
    expect([...groups.data]).toEqual([9, 9, 12, 12, 7, 13, 6, 14]);
    const instances = runOp('InstanceNormalization', { epsilon: 0.75 }, [ref([1, 2, 2], [1, 2, 0, 1]), ...weights(2)]);
    expect([...instances.data]).toEqual([9.5, 10.5, 9, 11]);
  });
  test('LayerNormalization ties its weights to the axes that it mixes, and passes the others on', () => {
    const r = recordChannels('LayerNormalization', { axis: 2 }, [{ shape: ['N', 3, 4] }, { shape: [4] }]);
    expect(r.input(1, 0)).toEqual(r.input(0, 2));
    expect(r.renormalised).toEqual(r.input(0, 2));
    expect(r.frozen(0, 1)).toEqual([]);
    expect(listed(r.output[1])).toEqual(r.input(0, 1));
  });
  test('GroupNormalization keeps groups equal in size', () => {
    const inputs = [{ shape: ['N', 6, 4], fixed: [2] }, { shape: [6] }, { shape: [6] }];
    const r = recordChannels('GroupNormalization', { num_groups: 2 }, inputs);
    const channels = r.input(0, 1);
    expect(channels.slice(0, 3)).toEqual(channels.slice(3));
    expect(new Set(channels).size).toBe(3);
    expect(r.input(2, 0)).toEqual(channels);
    expect(r.renormalised).toHaveLength(6);
  });
  test('norms of one channel mix none, and groups of one go with their channels', () => {
    const inputs = [{ shape: ['N', 3, 4], fixed: [2] }, { shape: [3] }, { shape: [3] }];
    for (const op of ['GroupNormalization', 'InstanceNormalization']) {
      const r = recordChannels(op, op === 'GroupNormalization' ? { num_groups: 3 } : {}, inputs);
      expect(r.renormalised).toEqual([]);
      expect(new Set(r.input(0, 1)).size).toBe(3);
    }
    const context = { keptIn: () => Int32Array.of(0, 2), inputShape: () => ['N', 3, 4] } as unknown as SliceContext;
    expect(getOp('GroupNormalization').slice!(nodeOf('GroupNormalization', { num_groups: 3 }, 3), context)).toEqual({
      num_groups: 2,
    });
    expect(getOp('InstanceNormalization').slice!(nodeOf('InstanceNormalization', {}, 3), context)).toEqual({});
  });
  test('what stands behind the channels stays in a group norm, and is mixed in an instance norm', () => {
    const inputs = [{ shape: ['N', 4, 4] }, { shape: [4] }, { shape: [4] }];
    const group = recordChannels('GroupNormalization', { num_groups: 2 }, inputs);
    expect(group.frozen(0, 2)).toEqual(new Array(4).fill('SPATIAL_AXIS'));
    const instance = recordChannels('InstanceNormalization', {}, inputs);
    expect(instance.frozen(0, 2)).toEqual([]);
    expect(instance.renormalised).toEqual(instance.input(0, 2));
  });
  test('faults name the layer', () => {
    expect(() => inferOp('GroupNormalization', { num_groups: 2 }, [['N', 3], [3], [3]])).toThrow(
      'GroupNormalization block1/layer: 3 channels do not divide into 2 groups',
    );
    expect(() => inferOp('GroupNormalization', {}, [['N', 3], [3], [3]])).toThrow('attribute num_groups is missing');
    expect(() => inferOp('LayerNormalization', { axis: 1 }, [['N', 3, 4], [4]])).toThrow(
      'LayerNormalization block1/layer: scale must have shape [3, 4], got [4]',
    );
    expect(() => inferOp('InstanceNormalization', {}, [['N', 3], [3], [3]])).toThrow('x needs at least 3 axes');
  });
});
