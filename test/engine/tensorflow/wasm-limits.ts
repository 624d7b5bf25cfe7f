import { type Graph, getSpec } from '../../../src/graph/graph.js';
import type { DType } from '../../../src/graph/tensor.js';

/** The most axes that kernels of TensorFlow.js's WebAssembly backend see; beyond they read outside of their memory. */
const MOST_AXES = 4;

/** What its kernels get wrong by dtype: strided slices come out as floats, and truths are not selected. */
const WRONG: Readonly<Record<string, readonly DType[]>> = {
  MaxPool: ['int32', 'int64', 'uint8'],
  Slice: ['int32', 'int64', 'uint8', 'bool'],
  Where: ['bool'],
};

/** Whether the WebAssembly backend, a stand-in for TensorFlow in tests, computes a graph. No job runs on it. */
export function isWithinWasm(graph: Graph): boolean {
  const isDeep = [...graph.values.values()].some(({ shape }) => shape.length > MOST_AXES);
  return !isDeep && !graph.nodes.some((node) => WRONG[node.op]?.includes(getSpec(graph, node.outputs[0]).dtype));
}
