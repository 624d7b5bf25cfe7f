import { describe, expect, test } from 'vitest';
import { listed, recordChannels } from '../recording-context.js';
import { counting, inferOp, ref, runOp } from '../run-op.js';

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
