/**
 * For ops that only move data, channel rules are sound exactly when slicing the inputs and running the sliced node gives
 * the sliced output, whatever channels go. Random shapes, ops and choices.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type AxisChannels, FIXED, type SliceContext } from '../../../src/graph/channels.js';
import type { Attrs } from '../../../src/graph/graph.js';
import { getOp } from '../../../src/graph/ops/index.js';
import { fromRef, gatherAxis, type RefTensor, toRef } from '../../../src/graph/tensor.js';
import { type RecordedInput, recordChannels } from '../recording-context.js';
import { counting, nodeOf, runOp } from '../run-op.js';

interface Case {
  readonly op: string;
  readonly attrs: Attrs;
  readonly inputs: readonly (RecordedInput & { readonly shape: number[] })[];
}

const dim = fc.constantFrom(1, 2, 3, 4, 6);
const shape = fc.array(dim, { minLength: 1, maxLength: 4 });
const fixedOf = (rank: number) => fc.subarray(Array.from({ length: rank }, (_, i) => i));

/** Splits and joins extents at random: another shape with the same elements. */
const reshaped = (from: number[]) =>
  fc.infiniteStream(fc.nat({ max: 3 })).map((choices) => {
    const primes = from.flatMap((d) => (d === 4 ? [2, 2] : d === 6 ? [2, 3] : [d]));
    const to: number[] = [1];
    for (const p of primes) {
      const choice = choices.next().value;
      if (choice === 0) to[to.length - 1] *= p;
      else to.push(p);
      if (choice === 3) to.push(1);
    }
    return to;
  });

const reshapeCase = shape.chain((from) =>
  fc.record({
    op: fc.constant('Reshape'),
    attrs: reshaped(from).map((to) => ({ shape: to })),
    inputs: fixedOf(from.length).map((fixed) => [{ shape: from, fixed }]),
  }),
);
const flattenCase = shape.chain((from) =>
  fc.record({
    op: fc.constant('Flatten'),
    attrs: fc.nat({ max: from.length }).map((axis) => ({ axis })),
    inputs: fixedOf(from.length).map((fixed) => [{ shape: from, fixed }]),
  }),
);
const transposeCase = shape.chain((from) =>
  fc.record({
    op: fc.constant('Transpose'),
    attrs: fc
      .shuffledSubarray(
        from.map((_, i) => i),
        { minLength: from.length },
      )
      .map((perm) => ({ perm })),
    inputs: fixedOf(from.length).map((fixed) => [{ shape: from, fixed }]),
  }),
);
const padCase = shape.chain((from) =>
  fc.record({
    op: fc.constant('Pad'),
    attrs: fc.record({
      pads: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 2 * from.length, maxLength: 2 * from.length }),
      mode: fc.constantFrom('constant', 'edge'),
    }),
    inputs: fixedOf(from.length).map((fixed) => [{ shape: from, fixed }]),
  }),
);
const sliceCase = shape.chain((from) => {
  const axes = from.map((_, i) => i);
  return fc.record({
    op: fc.constant('Slice'),
    attrs: fc
      .tuple(...from.map((d) => fc.tuple(fc.nat(d - 1), fc.nat(d - 1), fc.constantFrom(1, 1, -1, 2))))
      .map((bounds) => {
        const ends = bounds.map(([a, b, step]) => (step > 0 ? Math.max(a, b) + 1 : Math.min(a, b) - 1));
        return {
          axes,
          starts: bounds.map(([a, b, step]) => (step > 0 ? Math.min(a, b) : Math.max(a, b))),
          ends: ends.map((end) => (end < 0 ? -100 : end)),
          steps: bounds.map(([, , step]) => step),
        };
      }),
    inputs: fixedOf(from.length).map((fixed) => [{ shape: from, fixed }]),
  });
});
const tileCase = shape.chain((from) =>
  fc.record({
    op: fc.constant('Tile'),
    attrs: fc.tuple(...from.map(() => fc.integer({ min: 1, max: 3 }))).map((repeats) => ({ repeats })),
    inputs: fixedOf(from.length).map((fixed) => [{ shape: from, fixed }]),
  }),
);
/** Axes of one index are stretched, at random; the others keep their extents, said in full or by a 1. */
const expandCase = shape.chain((from) =>
  fc.record({
    op: fc.constant('Expand'),
    attrs: fc
      .tuple(fc.subarray([2, 3]), ...from.map((d) => (d === 1 ? dim : fc.constantFrom(1, d))))
      .map(([lead, ...extents]) => ({ shape: [...lead, ...extents] })),
    inputs: fixedOf(from.length).map((fixed) => [{ shape: from, fixed }]),
  }),
);
const concatCase = fc.tuple(shape, fc.nat({ max: 3 }), fc.array(dim, { minLength: 1, maxLength: 3 })).chain((tuple) => {
  const [from, at, extents] = tuple;
  const axis = at % from.length;
  return fc.record({
    op: fc.constant('Concat'),
    attrs: fc.constant({ axis }),
    inputs: fc.tuple(
      ...extents.map((d) => fixedOf(from.length).map((fixed) => ({ shape: from.with(axis, d), fixed }))),
    ),
  });
});
const arithmeticCase = fc.tuple(shape, shape).chain(([a, b]) => {
  // Every extent of b becomes 1 or that of a, so that they broadcast.
  const other = b.map((d, i) => (d > 2 ? (a[a.length - b.length + i] ?? d) : 1));
  return fc.record({
    op: fc.constantFrom('Add', 'Mul'),
    attrs: fc.constant({}),
    inputs: fc.tuple(
      fixedOf(a.length).map((fixed) => ({ shape: a, fixed })),
      fixedOf(other.length).map((fixed) => ({ shape: other, fixed })),
    ),
  });
});

const cases: fc.Arbitrary<Case> = fc.oneof(
  { weight: 4, arbitrary: reshapeCase },
  flattenCase,
  transposeCase,
  padCase,
  tileCase,
  expandCase,
  { weight: 2, arbitrary: sliceCase },
  concatCase,
  arithmeticCase,
);

/** Channels to drop: about a third of those that may go, but no axis loses its last index. */
function drop(all: readonly AxisChannels[], isFrozen: (c: number) => boolean, dice: () => number): Set<number> {
  const dropped = new Set<number>();
  const channels = new Set(all.flatMap((axis) => (axis === FIXED ? [] : [...axis])));
  for (const channel of channels) {
    if (isFrozen(channel) || dice() !== 0) continue;
    dropped.add(channel);
    if (all.some((axis) => axis !== FIXED && axis.every((c) => dropped.has(c)))) dropped.delete(channel);
  }
  return dropped;
}

function keptOn(axis: AxisChannels, dropped: Set<number>): Int32Array | undefined {
  if (axis === FIXED || !axis.some((c) => dropped.has(c))) return undefined;
  return Int32Array.from([...axis.keys()].filter((i) => !dropped.has(axis[i])));
}

function slice(t: RefTensor, axes: readonly AxisChannels[], dropped: Set<number>): RefTensor {
  return axes.reduce((rest, axis, a) => {
    const kept = keptOn(axis, dropped);
    return kept ? toRef(gatherAxis(fromRef(rest), a, kept)) : rest;
  }, t);
}

test('slicing commutes with every op that moves data', () => {
  let sliced = 0;
  fc.assert(
    fc.property(cases, fc.infiniteStream(fc.nat({ max: 2 })), ({ op, attrs, inputs }, dice) => {
      const recording = recordChannels(op, attrs, inputs);
      const axes = inputs.map((_, i) => recording.inputAxes(i));
      const everything = [...axes.flat(), ...recording.output];
      const dropped = drop(everything, recording.isFrozen, () => dice.next().value);
      if (dropped.size > 0) sliced++;

      const full = inputs.map((input) => counting(input.shape));
      const whole = runOp(op, attrs, full);
      const expected = slice(whole, recording.output, dropped);
      const context: SliceContext = {
        keptIn: (i, axis) => keptOn(axes[i][axis], dropped),
        keptOut: (_, axis) => keptOn(recording.output[axis], dropped),
        inputShape: (i) => inputs[i].shape,
        outputShape: () => whole.shape,
        newOutputShape: () => expected.shape,
      };
      const node = nodeOf(op, attrs, inputs.length);
      const narrow = getOp(op).slice?.(node, context) ?? attrs;
      const found = runOp(
        op,
        narrow,
        full.map((t, i) => slice(t, axes[i], dropped)),
      );
      expect(found).toEqual(expected);
    }),
    { numRuns: 3000 },
  );
  expect(sliced).toBeGreaterThan(300);
});
