import { describe, expect, test } from 'vitest';
import type { Attrs } from '../../../src/graph/graph.js';
import { OpError } from '../../../src/graph/op-spec.js';
import { counting, inferOp, ref, runOp } from '../run-op.js';

/** Values by hand on tiny cases; that they are gradients is checked in test/autodiff against finite differences. */
describe('gradient primitives', () => {
  test.each<[string, Attrs, number[], number[]]>([
    ['ReluGrad', {}, [-1, 0, 2], [0, 0, 10]],
    ['LeakyReluGrad', { alpha: 0.5 }, [-1, 0, 2], [5, 5, 10]],
    ['ClipGrad', { min: 0, max: 2 }, [0, 1, 2], [0, 10, 0]],
    ['ClipGrad', {}, [-1e9, 0, 1e9], [10, 10, 10]],
    ['ClipGrad', { max: 2 }, [Number.NEGATIVE_INFINITY, 0, 3], [10, 10, 0]],
    ['SigmoidGrad', {}, [0, 0.5, 1], [0, 2.5, 0]],
    ['TanhGrad', {}, [-1, 0, 0.5], [0, 10, 7.5]],
  ])('%s %o', (op, attrs, saved, expected) => {
    const dy = ref([3], [10, 10, 10]);
    expect([...runOp(op, attrs, [dy, ref([3], saved)]).data]).toEqual(expected);
  });

  test('ConvInputGrad spreads the filter around each gradient', () => {
    const dy = ref([1, 1, 2], [1, 10]);
    const dx = runOp('ConvInputGrad', { spatial: [4], strides: [2] }, [dy, ref([1, 1, 2], [1, 2])]);
    expect([...dx.data]).toEqual([1, 2, 10, 20]);
  });

  test('ConvFilterGrad correlates the input with the gradient', () => {
    const dw = runOp('ConvFilterGrad', { kernel_shape: [3], pads: [1, 1] }, [
      counting([1, 1, 3]),
      ref([1, 1, 3], [1, 0, 10]),
    ]);
    expect(dw.shape).toEqual([1, 1, 3]);
    expect([...dw.data]).toEqual([20, 31, 2]);
  });

  test('groups and the batch in shapes', () => {
    const attrs = { group: 2, pads: [1, 1, 1, 1] };
    const dx = inferOp('ConvInputGrad', { ...attrs, spatial: [5, 5] }, [
      ['N', 6, 5, 5],
      [6, 2, 3, 3],
    ]);
    expect(dx.shape).toEqual(['N', 4, 5, 5]);
    const dw = inferOp('ConvFilterGrad', { ...attrs, kernel_shape: [3, 3] }, [
      ['N', 4, 5, 5],
      ['N', 6, 5, 5],
    ]);
    expect(dw.shape).toEqual([6, 2, 3, 3]);
  });

  test('MaxPoolGrad goes to the first of equal maxima of each window', () => {
    const x = ref([1, 1, 4], [3, 3, 1, 3]);
    const dx = runOp('MaxPoolGrad', { kernel_shape: [2] }, [
      x,
      ref([1, 1, 3], [3, 3, 3]),
      ref([1, 1, 3], [1, 10, 100]),
    ]);
    expect([...dx.data]).toEqual([1, 10, 0, 100]);
  });

  test.each([
    [0, [3, 3 + 6, 6]],
    [1, [2, 2 + 4, 4]],
  ])('AveragePoolGrad with count_include_pad %d', (include, expected) => {
    const attrs = { kernel_shape: [3], strides: [2], pads: [1, 1], count_include_pad: include, spatial: [3] };
    expect([...runOp('AveragePoolGrad', attrs, [ref([1, 1, 2], [6, 12])]).data]).toEqual(expected);
  });

  test('a gradient that does not have the shape of the output is refused', () => {
    expect(() =>
      inferOp('ReluGrad', {}, [
        [2, 3],
        [3, 2],
      ]),
    ).toThrow(OpError);
    expect(() =>
      inferOp('ConvInputGrad', { spatial: [4] }, [
        [1, 1, 4],
        [1, 1, 2],
      ]),
    ).toThrow(/dy must have shape/);
    expect(() =>
      inferOp('ConvFilterGrad', { kernel_shape: [2] }, [
        [1, 1, 4],
        [1, 1, 4],
      ]),
    ).toThrow(/dy must have shape/);
    expect(() =>
      inferOp('ConvFilterGrad', { kernel_shape: [2], group: 2 }, [
        [1, 3, 4],
        [1, 2, 3],
      ]),
    ).toThrow(/groups/);
    expect(() =>
      inferOp('MaxPoolGrad', { kernel_shape: [2] }, [
        [1, 1, 4],
        [1, 1, 3],
        [1, 1, 4],
      ]),
    ).toThrow(/dy/);
    expect(() => inferOp('AveragePoolGrad', { kernel_shape: [2], spatial: [4] }, [[1, 1, 4]])).toThrow(/dy/);
  });
});
