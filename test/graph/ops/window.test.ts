import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resolveWindow, windowTaps } from '../../../src/graph/ops/window.js';
import { nodeOf } from '../run-op.js';

const resolve = (attrs: Record<string, number | string | number[]>, spatial: number[], kernel: number[]) =>
  resolveWindow(nodeOf('Conv', attrs, 2), spatial, kernel);

describe('window geometry', () => {
  test('SAME_UPPER puts the odd pad at the end, SAME_LOWER at the beginning', () => {
    const upper = resolve({ auto_pad: 'SAME_UPPER', strides: [2] }, [6], [3]);
    expect([upper.padsBegin, upper.padsEnd, upper.output]).toEqual([[0], [1], [3]]);
    const lower = resolve({ auto_pad: 'SAME_LOWER', strides: [2] }, [6], [3]);
    expect([lower.padsBegin, lower.padsEnd, lower.output]).toEqual([[1], [0], [3]]);
  });

  test('VALID ignores explicit pads', () => {
    expect(resolve({ auto_pad: 'VALID', pads: [2, 2] }, [6], [3])).toMatchObject({ padsBegin: [0], output: [4] });
  });

  test('ceil_mode rounds up, except for a window that would start in the trailing pad', () => {
    expect(resolve({ ceil_mode: 1, strides: [2] }, [4], [3]).output).toEqual([2]);
    expect(resolve({ ceil_mode: 1, strides: [2] }, [4], [1]).output).toEqual([2]);
    expect(resolve({ ceil_mode: 1, strides: [3], pads: [1, 1] }, [2], [3]).output).toEqual([1]);
  });

  test('a symbolic extent stays when the window keeps it, and gets a derived name when not', () => {
    const node = nodeOf('Conv', { pads: [1, 1, 1, 1] }, 2);
    expect(resolveWindow(node, ['H', 8], [3, 3]).output).toEqual(['H', 8]);
    const strided = nodeOf('Conv', { strides: [2, 2] }, 2);
    expect(resolveWindow(strided, ['H', 8], [3, 3]).output).toEqual(['window(H 3-0/2)', 3]);
  });

  test.each([
    [{ strides: [0] }, 'strides must be 1 numbers from 1, got [0]'],
    [{ dilations: [1, 1] }, 'dilations must be 1 numbers from 1'],
    [{ pads: [1] }, 'pads must be 2 numbers from 0, got [1]'],
    [{ pads: [-1, 0] }, 'pads must be 2 numbers from 0'],
    [{ auto_pad: 'SOME' }, 'auto_pad must be one of NOTSET, SAME_UPPER, SAME_LOWER, VALID, got "SOME"'],
    [{ dilations: [9] }, 'a window spanning 19 does not fit an extent of 6 padded by 0+0'],
  ])('%o is refused, naming the layer', (attrs, message) => {
    expect(() => resolve(attrs, [6], [3])).toThrow(message);
    expect(() => resolve(attrs, [6], [3])).toThrow('Conv block1/layer');
  });

  const axis = fc.record({
    extent: fc.integer({ min: 1, max: 9 }),
    kernel: fc.integer({ min: 1, max: 4 }),
    stride: fc.integer({ min: 1, max: 4 }),
    dilation: fc.integer({ min: 1, max: 3 }),
    begin: fc.integer({ min: 0, max: 3 }),
    end: fc.integer({ min: 0, max: 3 }),
  });
  const fits = (a: { extent: number; kernel: number; dilation: number; begin: number; end: number }) =>
    a.extent + a.begin + a.end >= (a.kernel - 1) * a.dilation + 1;

  test('output extents and pads agree with sliding a window by hand', () => {
    const autoPads = fc.constantFrom('NOTSET', 'SAME_UPPER', 'SAME_LOWER');
    fc.assert(
      fc.property(axis.filter(fits), autoPads, fc.boolean(), (a, autoPad, ceil) => {
        const attrs = { strides: [a.stride], dilations: [a.dilation], pads: [a.begin, a.end], auto_pad: autoPad };
        const window = resolve({ ...attrs, ceil_mode: ceil ? 1 : 0 }, [a.extent], [a.kernel]);
        const span = (a.kernel - 1) * a.dilation + 1;
        const [begin, end] = [window.padsBegin[0], window.padsEnd[0]];
        if (autoPad === 'NOTSET') {
          expect([begin, end]).toEqual([a.begin, a.end]);
          let whole = 0;
          while (whole * a.stride + span <= a.extent + begin + end) whole++;
          // Rounded up: one more window, if one is cut off at the end and it still starts before the trailing pad.
          const cut = (whole - 1) * a.stride + span < a.extent + begin + end && whole * a.stride < a.extent + begin;
          // Pads as wide as the window are for convolutions, which never round up.
          if (ceil) fc.pre(a.end < span);
          expect(window.output[0]).toBe(ceil && cut ? whole + 1 : whole);
        } else {
          let covered = 0;
          while (covered * a.stride < a.extent) covered++;
          expect(window.output[0]).toBe(covered);
          expect(begin + end).toBe(Math.max((covered - 1) * a.stride + span - a.extent, 0));
          expect(autoPad === 'SAME_UPPER' ? end - begin : begin - end).toBeOneOf([0, 1]);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('taps join exactly the pairs of positions that brute force finds, in 1 to 3 dimensions', () => {
    fc.assert(
      fc.property(fc.array(axis.filter(fits), { minLength: 1, maxLength: 3 }), fc.boolean(), (axes, ceil) => {
        const spatial = axes.map((a) => a.extent);
        const attrs = {
          strides: axes.map((a) => a.stride),
          dilations: axes.map((a) => a.dilation),
          pads: [...axes.map((a) => a.begin), ...axes.map((a) => a.end)],
          ceil_mode: ceil ? 1 : 0,
        };
        const kernel = axes.map((a) => a.kernel);
        const window = resolve(attrs, spatial, kernel);
        const { taps, step } = windowTaps(window, spatial);
        const found = new Set<string>();
        taps.forEach(({ runs }, tap) => {
          for (let r = 0; r < runs.length; r += 3) {
            for (let i = 0; i < runs[r + 2]; i++) found.add(`${tap}:${runs[r] + i}<${runs[r + 1] + i * step}`);
          }
        });
        expect([...found].sort()).toEqual(bruteForcePairs(window, spatial, kernel).sort());
      }),
      { numRuns: 60 },
    );
  });
});

function bruteForcePairs(
  window: {
    strides: readonly number[];
    dilations: readonly number[];
    padsBegin: readonly number[];
    output: readonly number[];
  },
  spatial: number[],
  kernel: number[],
): string[] {
  const unravel = (flat: number, shape: readonly number[]) => {
    const index = new Array<number>(shape.length);
    for (let a = shape.length - 1; a >= 0; a--) {
      index[a] = flat % shape[a];
      flat = Math.floor(flat / shape[a]);
    }
    return index;
  };
  const size = (shape: readonly number[]) => shape.reduce((p, d) => p * d, 1);
  const pairs: string[] = [];
  for (let tap = 0; tap < size(kernel); tap++) {
    for (let to = 0; to < size(window.output); to++) {
      const k = unravel(tap, kernel);
      const o = unravel(to, window.output);
      const from = o.map((v, a) => v * window.strides[a] + k[a] * window.dilations[a] - window.padsBegin[a]);
      if (from.some((v, a) => v < 0 || v >= spatial[a])) continue;
      pairs.push(`${tap}:${to}<${from.reduce((flat, v, a) => flat * spatial[a] + v, 0)}`);
    }
  }
  return pairs;
}
