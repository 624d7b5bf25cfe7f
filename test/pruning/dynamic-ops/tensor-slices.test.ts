import fc from 'fast-check';
import { expect, test } from 'vitest';
import { elementCount, tensor } from '../../../src/graph/tensor.js';
import { gatherAxes, scatterAxes } from '../../../src/pruning/dynamic-ops/tensor-slices.js';

/** A shape, and for each axis which indices stay (at least one), or undefined. */
const slices = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 0, maxLength: 4 }).chain((shape) =>
  fc.tuple(
    fc.constant(shape),
    fc.tuple(
      ...shape.map((extent) =>
        fc.option(
          fc
            .subarray(
              Array.from({ length: extent }, (_, i) => i),
              { minLength: 1 },
            )
            .map((kept) => Int32Array.from(kept)),
          { nil: undefined },
        ),
      ),
    ),
  ),
);

test('scattering what was gathered gives the full tensor back, and touches nothing else', () => {
  fc.assert(
    fc.property(slices, ([shape, kept]) => {
      const n = elementCount(shape);
      const full = tensor(
        'float32',
        shape,
        Array.from({ length: n }, (_, i) => i),
      );
      const part = gatherAxes(full, kept);
      expect(scatterAxes(full, kept, part)).toEqual(full);
      const marked = tensor(
        'float32',
        part.shape,
        Float32Array.from(part.data as Float32Array, (v) => v + 1000),
      );
      const written = scatterAxes(full, kept, marked);
      expect(gatherAxes(written, kept)).toEqual(marked);
      const changed = [...(written.data as Float32Array)].filter((v, i) => v !== i).length;
      expect(changed).toBe(part.data.length);
    }),
  );
});

test('a slice of another shape or type is refused', () => {
  const full = tensor('float32', [3, 2], [1, 2, 3, 4, 5, 6]);
  const kept = [Int32Array.of(0, 2), undefined];
  expect(() => scatterAxes(full, kept, tensor('float32', [3, 2], full.data))).toThrow(/shape \[2,2\]/);
  expect(() => scatterAxes(full, kept, tensor('float64', [2, 2], [1, 2, 3, 4]))).toThrow(/float32 slice/);
});
