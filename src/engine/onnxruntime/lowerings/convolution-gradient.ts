import { getExtent, getExtents } from '../../../graph/dims.js';
import { intAttr, intsAttr } from '../../../graph/ops/attributes.js';
import { resolveWindow, type Window } from '../../../graph/ops/window.js';
import { elementCount, rowMajorStrides } from '../../../graph/tensor.js';
import type { LoweringTable, NodeLowering } from '../lowering.js';

/** A convolution from `inputs` channels of extents `spatial` to `outputs` channels of extents `window.output`. */
export interface Geometry {
  readonly window: Window<number>;
  readonly spatial: readonly number[];
  readonly groups: number;
  readonly inputs: number;
  readonly outputs: number;
}

/** Every kernel position, in row-major order. */
function kernelPositions(kernel: readonly number[]): number[][] {
  let all: number[][] = [[]];
  for (const extent of kernel) all = all.flatMap((at) => Array.from({ length: extent }, (_, k) => [...at, k]));
  return all;
}

/** `span - 1` of each axis: how far a window reaches beyond its first element. */
const reach = (window: Window): number[] => window.kernel.map((k, i) => (k - 1) * window.dilations[i]);
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

/**
 * Emits a convolution run backwards: dx from dy and W (and a bias, where it is a layer of a model). With stride 1 it is
 * a convolution with W's input and output channels swapped and its kernel reversed, which is about half as long as
 * ConvTranspose; with other strides, or padding beyond the kernel, it is that.
 */
export function emitInputGradient(x: NodeLowering, dy: string, w: string, g: Geometry, bias: string[] = []): string {
  const { window } = g;
  const far = reach(window);
  const begin = far.map((r, i) => r - window.padsBegin[i]);
  const end = g.spatial.map((extent, i) => extent - window.output[i] + window.padsBegin[i]);
  if (window.strides.every((s) => s === 1) && [...begin, ...end].every((p) => p >= 0)) {
    return x.op('Conv', [dy, swappedAndReversed(x, w, g), ...bias], {
      kernel_shape: window.kernel,
      dilations: window.dilations,
      pads: [...begin, ...end],
      group: g.groups,
    });
  }
  // The part of the padded input that the strides skip at its end: no window saw it.
  const unseen = g.spatial.map((extent, i) => {
    const seen = (window.output[i] - 1) * window.strides[i] + far[i] + 1;
    return extent + window.padsBegin[i] + window.padsEnd[i] - seen;
  });
  return x.op('ConvTranspose', [dy, w, ...bias], {
    kernel_shape: window.kernel,
    strides: window.strides,
    dilations: window.dilations,
    pads: [...window.padsBegin, ...window.padsEnd],
    output_padding: unseen,
    group: g.groups,
  });
}

function swappedAndReversed(x: NodeLowering, w: string, g: Geometry): string {
  const { kernel } = g.window;
  const rank = kernel.length;
  const grouped = [g.groups, g.outputs / g.groups, g.inputs / g.groups, ...kernel];
  const swap = [0, 2, 1, ...range(3, rank)];
  let swapped = w;
  if (g.inputs === g.groups && g.outputs === g.groups) swapped = w;
  else if (g.groups === 1) swapped = x.op('Transpose', [w], { perm: [1, 0, ...range(2, rank)] });
  else {
    const byGroup = x.op('Transpose', [x.reshape(w, grouped)], { perm: swap });
    swapped = x.reshape(byGroup, [g.inputs, g.outputs / g.groups, ...kernel]);
  }
  if (elementCount(kernel) === 1) return swapped;
  const back = kernel.map(() => -1);
  const beyond = kernel.map((k) => -k - 1);
  return x.op('Slice', [swapped, x.ints(back), x.ints(beyond), x.ints(range(2, rank)), x.ints(back)]);
}

/** `[N, C, …]` to `[groups, C / groups, N · …]`: channels first, the positions of all samples behind them. */
function channelRows(x: NodeLowering, channelsFirst: string, g: Geometry, channels: number): string {
  return x.reshape(channelsFirst, g.groups === 1 ? [channels, -1] : [g.groups, channels / g.groups, -1]);
}

function channelsFirst(x: NodeLowering, value: string, rank: number): string {
  return x.op('Transpose', [value], { perm: [1, 0, ...range(2, rank)] });
}

function padded(x: NodeLowering, value: string, begin: readonly number[], end: readonly number[]): string {
  if ([...begin, ...end].every((p) => p === 0)) return value;
  return x.op('Pad', [value, x.ints([...begin, ...end]), x.constant([0])]);
}

/** What each kernel position multiplied, of an input that has its padding: `at · dilation`, every `stride`-th. */
function tapSlice(x: NodeLowering, input: string, at: readonly number[], { window }: Geometry): string {
  const starts = at.map((k, i) => k * window.dilations[i]);
  const ends = starts.map((s, i) => s + (window.output[i] - 1) * window.strides[i] + 1);
  const axes = range(2, at.length);
  return x.op('Slice', [input, x.ints(starts), x.ints(ends), x.ints(axes), x.ints(window.strides)]);
}

/** Any strides: per kernel position one strided slice of the padded input, and one product with dy. */
function filterTapsBySlices(x: NodeLowering, input: string, dy: string, g: Geometry): string[] {
  const rank = g.spatial.length;
  const zeros = [0, 0];
  const whole = padded(
    x,
    channelsFirst(x, input, rank),
    [...zeros, ...g.window.padsBegin],
    [...zeros, ...g.window.padsEnd],
  );
  const dyRows = channelRows(x, channelsFirst(x, dy, rank), g, g.outputs);
  return kernelPositions(g.window.kernel).map((at) =>
    x.matMulTransposed(dyRows, channelRows(x, tapSlice(x, whole, at, g), g, g.inputs)),
  );
}

/**
 * Stride 1: x and dy are laid on one grid whose rows end in enough zeros that a step over an edge finds zeros, in the
 * next row or the next sample. A kernel position is then a shift of one long row per channel, and its slice is one
 * block of memory. The side with fewer channels is the one that is shifted; a sample of zeros on both its ends gives
 * it room.
 */
function filterTapsByShifts(x: NodeLowering, input: string, dy: string, g: Geometry): string[] {
  const { window, spatial } = g;
  const rank = spatial.length;
  const grid = spatial.map((extent, i) =>
    Math.max(extent + Math.max(window.padsBegin[i], window.padsEnd[i]), window.output[i]),
  );
  const strides = rowMajorStrides(grid);
  const sample = elementCount(grid);
  const shiftInput = g.inputs <= g.outputs;
  const onGrid = (value: string, extents: readonly number[], channels: number, shifted: boolean) => {
    const end = grid.map((extent, i) => extent - extents[i]);
    const samples = shifted ? 1 : 0;
    const laid = padded(x, channelsFirst(x, value, rank), [0, samples, ...grid.map(() => 0)], [0, samples, ...end]);
    return channelRows(x, laid, g, channels);
  };
  const inputRows = onGrid(input, spatial, g.inputs, shiftInput);
  const dyRows = onGrid(dy, window.output, g.outputs, !shiftInput);
  return kernelPositions(window.kernel).map((at) => {
    const offsets = at.map((k, i) => (k * window.dilations[i] - window.padsBegin[i]) * strides[i]);
    const shift = offsets.reduce((sum, o) => sum + o, 0) * (shiftInput ? 1 : -1);
    const rows = shiftInput ? inputRows : dyRows;
    const slice = x.op('Slice', [rows, x.ints([sample + shift]), x.ints([shift - sample]), x.ints([-1])]);
    return shiftInput ? x.matMulTransposed(dyRows, slice) : x.matMulTransposed(slice, inputRows);
  });
}

/** One input channel a group: per kernel position an elementwise product, summed over samples and positions. */
function depthwiseFilterGradient(x: NodeLowering, input: string, dy: string, g: Geometry): void {
  const { window } = g;
  const multiplier = g.outputs / g.inputs;
  const zeros = [0, 0];
  const whole = padded(x, input, [...zeros, ...window.padsBegin], [...zeros, ...window.padsEnd]);
  const plane = elementCount(window.output);
  const dyPlanes = x.reshape(dy, [0, g.inputs, multiplier, plane]);
  const taps = kernelPositions(window.kernel).map((at) => {
    const slice = x.reshape(tapSlice(x, whole, at, g), [0, g.inputs, 1, plane]);
    const products = x.op('Mul', [dyPlanes, slice]);
    return x.op('ReduceSum', [x.op('ReduceSum', [products, x.ints([3])]), x.ints([0])]);
  });
  const joined = taps.length === 1 ? taps[0] : x.op('Concat', taps, { axis: 3 });
  x.result('Reshape', [joined, x.ints([g.outputs, 1, ...window.kernel])]);
}

/** A 1×1 filter with stride 1: one product a sample, without a copy of x or dy. */
function pointwiseFilterGradient(x: NodeLowering, input: string, dy: string, g: Geometry): void {
  const rows = (value: string, channels: number) => x.reshape(value, [0, g.groups, channels / g.groups, -1]);
  const perSample = x.matMulTransposed(rows(dy, g.outputs), rows(input, g.inputs));
  const sum = x.op('ReduceSum', [perSample, x.ints([0])], { keepdims: 0 });
  x.result('Reshape', [sum, x.ints([g.outputs, g.inputs / g.groups, ...g.window.kernel])]);
}

export const CONVOLUTION_GRADIENTS: LoweringTable = {
  ConvInputGrad: (x) => {
    const [outputs, perGroup, ...kernel] = getExtents(x.inputSpec(1).shape);
    const spatial = intsAttr(x.node, 'spatial');
    const groups = intAttr(x.node, 'group', 1);
    const window = resolveWindow(x.node, spatial, kernel);
    const dx = emitInputGradient(x, x.inputs[0], x.inputs[1], {
      window,
      spatial,
      groups,
      inputs: perGroup * groups,
      outputs,
    });
    x.result('Identity', [dx]);
  },

  ConvFilterGrad: (x) => {
    const [input, dy] = x.inputs;
    const [inputs, ...spatial] = getExtents(x.inputSpec(0).shape.slice(1));
    const outputs = getExtent(x.inputSpec(1).shape, 1);
    const groups = intAttr(x.node, 'group', 1);
    const window = resolveWindow(x.node, spatial, intsAttr(x.node, 'kernel_shape'));
    const g: Geometry = { window, spatial, groups, inputs, outputs };
    const unitStrides = window.strides.every((s) => s === 1);
    const noPads = [...window.padsBegin, ...window.padsEnd].every((p) => p === 0);
    if (inputs === groups) {
      depthwiseFilterGradient(x, input, dy, g);
      return;
    }
    if (unitStrides && noPads && elementCount(window.kernel) === 1) {
      pointwiseFilterGradient(x, input, dy, g);
      return;
    }
    const taps = (unitStrides ? filterTapsByShifts : filterTapsBySlices)(x, input, dy, g);
    const filter = [outputs, inputs / groups, ...window.kernel];
    if (taps.length === 1) {
      x.result('Reshape', [taps[0], x.ints(filter)]);
      return;
    }
    const stacked = x.reshape(x.op('Concat', taps, { axis: 0 }), [taps.length, outputs * (inputs / groups)]);
    x.result('Reshape', [x.op('Transpose', [stacked], { perm: [1, 0] }), x.ints(filter)]);
  },
};
