import type { Dim, Node, Shape } from '../graph.js';
import { OpError } from '../op-spec.js';
import { choiceAttr, flagAttr, intsAttr } from './attributes.js';

/** Geometry of sliding windows (convolutions and pools), as ONNX defines it, for any number of spatial axes. */
export interface Window<D extends Dim = Dim> {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Explicit zero-padding before and after each spatial axis, `auto_pad` resolved. 0 where the extent is symbolic. */
  readonly padsBegin: readonly number[];
  readonly padsEnd: readonly number[];
  readonly output: readonly D[];
}

const AUTO_PADS = ['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'] as const;
type AutoPad = (typeof AUTO_PADS)[number];

/**
 * Resolves a node's `strides`, `dilations`, `pads`, `auto_pad` and `ceil_mode` against its input's spatial extents.
 * An output extent is `floor((extent + pads - dilated kernel) / stride) + 1`; with `ceil_mode` it is rounded up, but a
 * window never starts past the input and its leading pad.
 * @throws OpError for attributes of a wrong length or range, and for a window larger than the padded input.
 */
export function resolveWindow(node: Node, spatial: readonly number[], kernel: readonly number[]): Window<number>;
export function resolveWindow(node: Node, spatial: Shape, kernel: readonly number[]): Window;
export function resolveWindow(node: Node, spatial: Shape, kernel: readonly number[]): Window {
  const rank = spatial.length;
  const { strides, dilations, pads, autoPad } = windowSettings(node, kernel, rank);
  const ceil = flagAttr(node, 'ceil_mode', false);
  const axes = spatial.map((extent, i) => {
    const span = (kernel[i] - 1) * dilations[i] + 1;
    return resolveAxis(node, extent, span, strides[i], [pads[i], pads[rank + i]], autoPad, ceil);
  });
  return {
    kernel,
    strides,
    dilations,
    padsBegin: axes.map((a) => a.begin),
    padsEnd: axes.map((a) => a.end),
    output: axes.map((a) => a.output),
  };
}

/**
 * What a node says of its windows over `rank` spatial axes, with defaults.
 * @throws OpError for attributes of a wrong length or range.
 */
export function windowSettings(
  node: Node,
  kernel: readonly number[],
  rank: number,
): { strides: readonly number[]; dilations: readonly number[]; pads: readonly number[]; autoPad: AutoPad } {
  const ones = new Array<number>(rank).fill(1);
  const strides = positive(node, 'strides', intsAttr(node, 'strides', ones), rank);
  const dilations = positive(node, 'dilations', intsAttr(node, 'dilations', ones), rank);
  positive(node, 'kernel_shape', kernel, rank);
  const pads = intsAttr(node, 'pads', new Array<number>(2 * rank).fill(0));
  if (pads.length !== 2 * rank || pads.some((p) => p < 0)) {
    throw new OpError(node, `pads must be ${2 * rank} numbers from 0, got [${pads}]`);
  }
  return { strides, dilations, pads, autoPad: choiceAttr(node, 'auto_pad', AUTO_PADS, 'NOTSET') };
}

function resolveAxis(
  node: Node,
  extent: Dim,
  span: number,
  stride: number,
  pads: readonly [number, number],
  autoPad: AutoPad,
  ceil: boolean,
): { begin: number; end: number; output: Dim } {
  const same = autoPad === 'SAME_UPPER' || autoPad === 'SAME_LOWER';
  const [begin, end] = autoPad === 'NOTSET' ? pads : [0, 0];
  if (typeof extent === 'string') {
    const unchanged = stride === 1 && (same || begin + end === span - 1);
    const name = `window(${extent} ${same ? 'same' : `${span}-${begin + end}`}/${stride}${ceil ? ' ceil' : ''})`;
    return { begin, end, output: unchanged ? extent : name };
  }
  if (same) {
    const output = Math.ceil(extent / stride);
    const total = Math.max((output - 1) * stride + span - extent, 0);
    const small = Math.floor(total / 2);
    return autoPad === 'SAME_UPPER'
      ? { begin: small, end: total - small, output }
      : { begin: total - small, end: small, output };
  }
  const room = extent + begin + end - span;
  if (room < 0) {
    throw new OpError(node, `a window spanning ${span} does not fit an extent of ${extent} padded by ${begin}+${end}`);
  }
  let output = Math.floor(room / stride) + 1;
  if (ceil && autoPad === 'NOTSET') {
    output = Math.ceil(room / stride) + 1;
    if ((output - 1) * stride >= extent + begin) output -= 1;
  }
  return { begin, end, output };
}

function positive(node: Node, name: string, values: readonly number[], length: number): readonly number[] {
  if (values.length !== length || values.some((v) => v < 1)) {
    throw new OpError(node, `${name} must be ${length} numbers from 1, got [${values}]`);
  }
  return values;
}

/**
 * One kernel position and where it meets the input: `runs` holds triples (offset in the output plane, offset in the
 * input plane, count). Within a run the output offset grows by 1 and the input offset by `step`.
 */
export interface Tap {
  readonly runs: Int32Array;
}

export interface Taps {
  readonly taps: readonly Tap[];
  readonly step: number;
}

/**
 * Every kernel position in row-major order, with the pairs of input and output positions that it joins; positions in
 * the padding are left out.
 */
export function windowTaps(window: Window<number>, spatial: readonly number[]): Taps {
  const last = spatial.length - 1;
  const step = window.strides[last];
  const taps = positions(window.kernel).map((at) => {
    const runs: number[] = [];
    const first = windowRange(window, spatial, last, at[last]);
    for (const outer of positions(window.output.slice(0, last))) {
      let from = 0;
      let to = 0;
      let inside = first.count > 0;
      for (let axis = 0; axis < last; axis++) {
        const position =
          outer[axis] * window.strides[axis] + at[axis] * window.dilations[axis] - window.padsBegin[axis];
        inside &&= position >= 0 && position < spatial[axis];
        from = from * spatial[axis] + position;
        to = to * window.output[axis] + outer[axis];
      }
      if (!inside) continue;
      const input = from * spatial[last] + first.input;
      const output = to * window.output[last] + first.output;
      const n = runs.length;
      const joins = step === 1 && n > 0 && runs[n - 3] + runs[n - 1] === output && runs[n - 2] + runs[n - 1] === input;
      if (joins) runs[n - 1] += first.count;
      else runs.push(output, input, first.count);
    }
    return { runs: Int32Array.from(runs) };
  });
  return { taps, step };
}

/** Along one axis: the first output whose window's position `at` is inside the input, where, and how many there are. */
function windowRange(
  window: Window<number>,
  spatial: readonly number[],
  axis: number,
  at: number,
): { output: number; input: number; count: number } {
  const stride = window.strides[axis];
  const shift = at * window.dilations[axis] - window.padsBegin[axis];
  const output = Math.max(0, Math.ceil(-shift / stride));
  const end = Math.min(window.output[axis] - 1, Math.floor((spatial[axis] - 1 - shift) / stride));
  return { output, input: output * stride + shift, count: Math.max(0, end - output + 1) };
}

/** All indices into a shape, in row-major order. `[2, 2]` gives `[0,0] [0,1] [1,0] [1,1]`; `[]` gives one empty index. */
function positions(shape: readonly number[]): number[][] {
  let all: number[][] = [[]];
  for (const extent of shape) {
    all = all.flatMap((head) => Array.from({ length: extent }, (_, i) => [...head, i]));
  }
  return all;
}
