import { evaluateGraph } from '../../src/graph/evaluate.js';
import type { Graph } from '../../src/graph/graph.js';
import { type RefTensor, type Tensor, toRef } from '../../src/graph/tensor.js';
import { tf } from '../support/tfjs.js';

/** The graph's outputs on the float64 reference, in the graph's order. */
export function runGraph(graph: Graph, inputs: readonly Tensor[]): RefTensor[] {
  const results = evaluateGraph(graph, new Map(graph.inputs.map((id, i) => [id, toRef(inputs[i])])));
  return graph.outputs.map(({ name }) => results.get(name)!);
}

/** What stock TensorFlow.js computes, one entry an output. */
export function runStock(model: tf.LayersModel, inputs: readonly Tensor[]): { shape: number[]; data: Float32Array }[] {
  return tf.tidy(() => {
    const fed = inputs.map((t) => tf.tensor(t.data as Float32Array, [...t.shape]));
    const out = model.predict(fed.length === 1 ? fed[0] : fed);
    return (Array.isArray(out) ? out : [out]).map((t) => ({ shape: t.shape, data: t.dataSync() as Float32Array }));
  });
}

/** Largest difference of two lists of tensors, as a share of the largest value; Infinity for other shapes. */
export function relativeError(
  got: readonly { shape: readonly number[]; data: ArrayLike<number> }[],
  want: readonly { shape: readonly number[]; data: ArrayLike<number> }[],
): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  return Math.max(
    ...want.map((w, k) => {
      if (String(got[k].shape) !== String(w.shape)) return Number.POSITIVE_INFINITY;
      let difference = 0;
      let largest = 1e-12;
      for (let i = 0; i < w.data.length; i++) {
        difference = Math.max(difference, Math.abs(got[k].data[i] - w.data[i]));
        largest = Math.max(largest, Math.abs(w.data[i]));
      }
      return difference / largest;
    }),
  );
}
