import fc from 'fast-check';
import { expect, test } from 'vitest';
import { collapse, denseStrides, reshapeView, type View } from '../../../../src/engine/native/plan/view.js';

const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 });

const viewOf = (shape: readonly number[], strides: readonly number[]): View => {
  return { dtype: 'float32', shape, strides, offset: 0, buffer: { bytes: 0, place: 'arena', at: 0 } };
};

/** Where each element of a view lies, in the order of the IR. */
function addresses({ shape, strides }: Pick<View, 'shape' | 'strides'>): number[] {
  return shape.reduce<number[]>(
    (all, extent, axis) => all.flatMap((at) => Array.from({ length: extent }, (_, i) => at + i * strides[axis])),
    [0],
  );
}

/** A shape, an order of its axes in memory, and another shape of as many elements. */
const cases = shapes.chain((shape) => {
  const axes = shape.map((_, i) => i);
  const count = shape.reduce((product, extent) => product * extent, 1);
  const factors = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 4 }).map((wanted) => {
    let left = count;
    const to = wanted.map((factor) => {
      const taken = left % factor === 0 ? factor : 1;
      left /= taken;
      return taken;
    });
    return [...to, left];
  });
  return fc.record({
    shape: fc.constant(shape),
    order: fc.shuffledSubarray(axes, { minLength: axes.length }),
    to: factors,
  });
});

test('a reshape without a copy keeps every element where it lies; of row-major data there always is one', () => {
  fc.assert(
    fc.property(cases, ({ shape, order, to }) => {
      const view = viewOf(shape, denseStrides(shape, order));
      const reshaped = reshapeView(view, to);
      if (reshaped) expect(addresses(reshaped)).toEqual(addresses(view));
      expect(reshapeView(viewOf(shape, denseStrides(shape, [...shape.keys()])), to)).toBeDefined();
    }),
  );
});

test('axes are split without a copy in any layout', () => {
  const channelsLast = viewOf([2, 6, 3, 3], denseStrides([2, 6, 3, 3], [0, 2, 3, 1]));
  const split = reshapeView(channelsLast, [2, 2, 3, 3, 3])!;
  expect(split.strides).toEqual([54, 3, 1, 18, 6]);
  expect(reshapeView(channelsLast, [2, 54])).toBeUndefined();
});

test('a collapsed iteration space visits the same addresses in the same order', () => {
  fc.assert(
    fc.property(shapes, fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), (shape, repeated) => {
      const dense = denseStrides(shape, [...shape.keys()]);
      const broadcast = dense.map((step, axis) => (repeated[axis] ? 0 : step));
      const { dims, strides } = collapse(shape, [dense, broadcast]);
      expect(addresses({ shape: dims, strides: strides[0] })).toEqual(addresses({ shape, strides: dense }));
      expect(addresses({ shape: dims, strides: strides[1] })).toEqual(addresses({ shape, strides: broadcast }));
    }),
  );
});
