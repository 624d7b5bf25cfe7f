import type { Dim, Node, Shape } from '../graph.js';
import { OpError } from '../op-spec.js';
import { intsAttr } from './attributes.js';
import { type Window, windowSettings } from './window.js';

/** Geometry of a transposed convolution. */
export interface TransposedWindow<D extends Dim = Dim> {
  /** The window of the convolution that goes the other way: over the output's extents, giving the input's. */
  readonly window: Window<D>;
  /** How far the output reaches beyond what the padded windows cover. */
  readonly outputPadding: readonly number[];
  /** Spatial extents of the output. */
  readonly output: readonly D[];
}

/**
 * Resolves a node's `strides`, `dilations`, `pads`, `output_padding` and `auto_pad` against its input's spatial
 * extents, as ONNX defines them. An output extent is `(extent - 1) · stride + dilated kernel + output_padding - pads`; with `SAME_UPPER` and
 * `SAME_LOWER` it is `extent · stride`, and what is too much is cut from both sides, what is missing is added at the end.
 * @throws OpError for attributes of a wrong length or range.
 */
export function resolveTransposedWindow(
  node: Node,
  spatial: readonly number[],
  kernel: readonly number[],
): TransposedWindow<number>;
export function resolveTransposedWindow(node: Node, spatial: Shape, kernel: readonly number[]): TransposedWindow;
export function resolveTransposedWindow(node: Node, spatial: Shape, kernel: readonly number[]): TransposedWindow {
  const rank = spatial.length;
  const { strides, dilations, pads, autoPad } = windowSettings(node, kernel, rank);
  const outputPadding = intsAttr(node, 'output_padding', new Array<number>(rank).fill(0));
  if (outputPadding.length !== rank || outputPadding.some((p, i) => p < 0 || p >= strides[i])) {
    throw new OpError(node, `output_padding must be from 0 to below the strides [${strides}], got [${outputPadding}]`);
  }
  const axes = spatial.map((extent, i) => {
    const span = (kernel[i] - 1) * dilations[i] + 1;
    if (autoPad === 'NOTSET') return { begin: pads[i], end: pads[rank + i], beyond: outputPadding[i], span, extent };
    if (autoPad === 'VALID') return { begin: 0, end: 0, beyond: outputPadding[i], span, extent };
    const excess = span + outputPadding[i] - strides[i];
    const less = Math.floor(Math.max(excess, 0) / 2);
    const more = Math.max(excess, 0) - less;
    const [begin, end] = autoPad === 'SAME_UPPER' ? [less, more] : [more, less];
    return { begin, end, beyond: outputPadding[i] + Math.max(-excess, 0), span, extent };
  });
  return {
    window: {
      kernel,
      strides,
      dilations,
      padsBegin: axes.map((a) => a.begin),
      padsEnd: axes.map((a) => a.end),
      output: spatial,
    },
    outputPadding: axes.map((a) => a.beyond),
    output: axes.map(({ extent, span, begin, end, beyond }, i) => {
      const added = span + beyond - begin - end - strides[i];
      if (typeof extent === 'number') return extent * strides[i] + added;
      return strides[i] === 1 && added === 0 ? extent : `transposed(${extent} ${added}*${strides[i]})`;
    }),
  };
}
