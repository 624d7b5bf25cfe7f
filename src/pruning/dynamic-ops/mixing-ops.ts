import type { Node } from '../../graph/graph.js';

/** How an op that mixes the channels of input 0 is kept from seeing those that went. */
export interface Mixing {
  /** The axis of input 0 that is mixed. */
  axis(node: Node, rank: number): number;
  /** What pruned channels are set to, so that they take no part: 0 in a sum, the least number in a softmax. */
  readonly neutral: number;
}

/** Far below any activation, far from overflow; its exponential is 0. */
export const LEAST = -1e30;

const last = (_node: Node, rank: number): number => rank - 1;

const softmaxAxis = (node: Node, rank: number): number => {
  const axis = Number(node.attrs.axis ?? -1);
  return axis < 0 ? axis + rank : axis;
};

/** Every op of which an output depends on several channels of input 0. All other ops take channels one by one. */
export const MIXING_OPS: Readonly<Record<string, Mixing>> = {
  Conv: { axis: () => 1, neutral: 0 },
  ConvTranspose: { axis: () => 1, neutral: 0 },
  Gemm: { axis: (node) => (node.attrs.transA ? 0 : 1), neutral: 0 },
  MatMul: { axis: last, neutral: 0 },
  Softmax: { axis: softmaxAxis, neutral: LEAST },
  LogSoftmax: { axis: softmaxAxis, neutral: LEAST },
};
