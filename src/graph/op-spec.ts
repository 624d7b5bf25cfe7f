import type { ChannelContext, SliceContext } from './channels.js';
import type { Attrs, Node, Shape, TensorSpec } from './graph.js';
import type { RefTensor, Tensor } from './tensor.js';
import type { Wanted } from './value-range.js';

/** One multiply-add is 1. `mmrazor` counts by the original's table (PRUNING.md part 2 section 8). */
export interface Cost {
  readonly macs: number;
  readonly mmrazor: number;
}

export interface CostInput {
  readonly node: Node;
  readonly inputs: readonly (TensorSpec | undefined)[];
  readonly outputs: readonly TensorSpec[];
  /** Whether an input is the same for whatever the graph is fed with: a constant, or computed of constants. */
  isWeight(i: number): boolean;
}

/** Where a layer's channels stand in an op with weights of its own: input 0's and output 0's channel axis. */
export interface ParametricAxes {
  readonly input: number;
  readonly output: number;
  /** True when input channel i *is* output channel i (batch norm, depthwise conv): the layer stands in both lists. */
  readonly passThrough: boolean;
}

export interface InferInput {
  readonly node: Node;
  readonly inputs: readonly (TensorSpec | undefined)[];
  /** The data of an input, when it is a constant. */
  constant(i: number): Tensor | undefined;
}

/** What a composition is written with: nodes and literals, by the ids of their values. */
export interface Composer {
  op(op: string, inputs: readonly string[], attrs?: Attrs): string;
  /** A literal of the dtype of `like`. */
  scalar(value: number, like: string): string;
  shape(value: string): Shape;
}

/** Where an op's filters are: filter i of group g makes output channel `g · extent + i`. */
export interface Filters {
  /** The input that holds them. */
  readonly input: number;
  /** The axis of it on which the output channels stand. */
  axis(node: Node, rank: number): number;
  /** On that axis are the output channels of one group, and axis 0 has a block for each (`OpSpec.groups`). */
  readonly perGroup?: true;
}

/**
 * One op kind: the facets that are properties of the op itself. Gradient rules are in `autodiff/`, lowerings in
 * `engine/*`.
 */
export interface OpSpec {
  readonly op: string;
  /** Least and most inputs. */
  readonly inputs: readonly [number, number];
  /** Output dtypes and shapes. @throws OpError naming the node when inputs or attributes don't fit. */
  infer(x: InferInput): TensorSpec[];
  /** Ties the channels of inputs and outputs. Absent: the op is opaque to pruning, all it touches is frozen. */
  channels?(node: Node, ctx: ChannelContext): void;
  /**
   * What a run costs, for all samples that the shapes are of: a batch that is a symbol counts as 1, one that is a number as
   * that (sample-cost.ts has one sample's share). Absent: nothing.
   */
  cost?(x: CostInput): Cost;
  /** The attributes once channels are gone. Absent: they don't change. */
  slice?(node: Node, ctx: SliceContext): Attrs;
  /** Present on ops with weights of their own that units list (conv, dense, norms); undefined if this node has none. */
  parametric?(node: Node, inputs: readonly (TensorSpec | undefined)[]): ParametricAxes | undefined;
  /**
   * Every output element is an element of input 0: in the same order (`same`: it may lie where the input lies), in places
   * that can be told (`moved`), or some of them, or some several times, at strides (`strided`).
   */
  readonly view?: 'same' | 'moved' | 'strided';
  /**
   * The axes of input 0 along which an output element reads more than its own place, or has weights of its own: none of them
   * may be the batch. Absent: none.
   */
  mixes?(node: Node, rank: number): readonly number[];
  /**
   * Which inputs are read by rows (a row is an index of the first axis), given that they and the outputs have equally many:
   * row i of each output is made of row i of those and of all of the others. Absent: input 0 is, where it is known (of
   * `mixes`, or of a view that keeps the order) that its first axis isn't mixed.
   */
  byRows?(node: Node, inputs: readonly (readonly number[])[], output: readonly number[]): readonly boolean[];
  /**
   * Of ops that mix channels: the number that takes no part, which channels that went are set to in a masked graph. Those
   * without one are masked as what they are composed of (`compose`).
   */
  readonly neutral?: number;
  /** The result is divided by how many elements are mixed, of which in a masked graph only the kept count. */
  readonly averages?: true;
  /**
   * The attribute that says in how many groups it takes its channels: group g reads the g-th part of the input's channels, and
   * of axis 0 of every weight, and makes the g-th part of the output's. Absent: 1.
   */
  readonly groups?: string;
  /** Present on ops whose weights make channels. Batch norm is none: it only passes them through. */
  readonly filters?: Filters;
  /** Its first axis is the batch, or the batch and what is merged with it. */
  readonly batchFirst?: true;
  /** Results lie between 0 or -1 and 1, and are as exact as that range is wide: one near 0 is mostly rounding. */
  readonly saturates?: true;
  /** Results are probabilities, or their logarithms: along the one axis that it mixes, or each by itself. */
  readonly probabilities?: 'axis' | 'element';
  /** Differences of what goes in may not show in the results: of a choice, beside an offset or among larger numbers. */
  hides?(node: Node, isConstant: (i: number) => boolean): boolean;
  /** Results are rounded to whole numbers: they jump where the input moves by as little as rounding. */
  rounds?(node: Node): boolean;
  /** It takes elements by numbers that are fed or computed, and may lie outside of what there is. */
  readonly looksUp?: true;
  /** Only training steps have it. */
  readonly training?: true;
  /**
   * The op in terms of others, for engines and gradients that have nothing of their own for it (passes/decompose.ts): gives
   * the value of its only output.
   */
  compose?(node: Node, c: Composer): string;
  /** What an input has to hold for the op to mean something. Absent, or undefined: any number will do. */
  wants?(x: InferInput, i: number): Wanted | undefined;
  /** The float64 reference: plain loops, for checks and constant folding, never for jobs. */
  evaluate(node: Node, inputs: readonly (RefTensor | undefined)[]): RefTensor[];
}

/** A fault in one node: an attribute, shape or dtype that doesn't fit. */
export class OpError extends Error {
  readonly node: Node;
  /** What it is in errors.ts, where the node comes from a user's model. */
  readonly code: 'LAYER_INVALID' | 'SHAPE_OVERFLOW';
  constructor(node: Node, message: string, code: OpError['code'] = 'LAYER_INVALID') {
    super(`${node.op} ${node.layer ?? node.name}: ${message}`);
    this.name = 'OpError';
    this.node = node;
    this.code = code;
  }
}
