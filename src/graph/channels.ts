/**
 * How channels flow through an op: the vocabulary of the `channels` facet.
 *
 * Every index along every axis of every value belongs to a *channel*: a class of indices that live and die together.
 * An op's rule ties the indices of its inputs and outputs. A small example, `conv(x, W)` with `x: [N, 3, H, W]` and
 * `W: [8, 3, 3, 3]`: `x` axis 1 is tied index by index to `W` axis 1; the output's axis 1 *is* `W` axis 0; spatial axes
 * are fixed. Weights are values like any other, so slicing a weight is: on each axis, keep the indices whose channel is
 * kept.
 */

/** An axis none of whose indices may ever go (batch, spatial extents). */
export const FIXED = 'fixed' as const;

/** For one axis of one value: the channel id of each index, or FIXED. */
export type AxisChannels = Int32Array | typeof FIXED;

/** Why something can't be pruned; `code` is stable and documented in docs/reasons.md. */
export interface Reason {
  readonly code: string;
  readonly message: string;
}

/** What an op's `channels` rule may do. The tracer implements it. */
export interface ChannelContext {
  /** Concrete or symbolic shapes of input i and output i. */
  inputShape(i: number): readonly (number | string)[];
  outputShape(i: number): readonly (number | string)[];
  /** Channels of input i, one entry an axis. A constant that nobody tied yet has channels of its own on each axis. */
  input(i: number): readonly AxisChannels[];
  hasInput(i: number): boolean;
  /** True for a constant of the model's arithmetic, which is no weight: it makes no channels. */
  isLiteral(i: number): boolean;
  /** Declares the channels of output i, one entry an axis. Each entry's length is the axis's dimension. */
  setOutput(i: number, axes: readonly AxisChannels[]): void;
  /** New channels that nothing else shares yet. */
  fresh(count: number): Int32Array;
  /** Each channel's current representative: channels that are tied already have the same one. */
  resolve(a: Int32Array): Int32Array;
  /** Index by index, the two axes share channels from now on. FIXED on one side freezes the other, on both does nothing. Lengths are equal. */
  tie(a: AxisChannels, b: AxisChannels, reason?: Reason): void;
  /** These channels may never be removed. */
  freeze(a: AxisChannels, reason: Reason): void;
  /** True when every channel of the axis is known to be frozen already (or the axis is FIXED). */
  isFixed(a: AxisChannels): boolean;
  /** The op takes these channels out of several, so some of them must stay: no unit may hold them and others too. */
  separate(a: AxisChannels): void;
  /** The op mixes these channels without weights of its own (softmax, mean, norm): after pruning it runs over the kept. */
  renormalise(a: AxisChannels): void;
}

/** What an op's `slice` rule sees: which indices stay. `undefined` means that the whole axis stays. */
export interface SliceContext {
  keptIn(input: number, axis: number): Int32Array | undefined;
  keptOut(output: number, axis: number): Int32Array | undefined;
  /** Shapes before slicing. */
  inputShape(i: number): readonly (number | string)[];
  outputShape(i: number): readonly (number | string)[];
  /** Shape of an output after slicing. */
  newOutputShape(i: number): readonly (number | string)[];
}
