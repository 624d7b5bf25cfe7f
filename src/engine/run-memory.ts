import { type Graph, getSpec } from '../graph/graph.js';
import { peakMemory } from '../graph/peak-memory.js';
import type { CompiledGraph } from './engine.js';

/**
 * What an engine takes beside the values: kernels need copies of windows, an arena grows in steps. Measured with
 * onnxruntime (resident memory after three steps, by batch): 45 MiB and 3.4 times the values of ResNet-20 and of 3×3
 * convolutions at 56×56, 2.5 times those of a depthwise stack at 96×96.
 */
const KERNEL_SHARE = 3.5;
const ENGINE_BYTES = 48 * 2 ** 20;

/** What the engine says that a run of a graph takes, with what goes in and out; undefined where it doesn't. */
export function toldMemory(graph: Graph, compiled: CompiledGraph, batch: number): number | undefined {
  const shapes = Object.fromEntries(
    graph.inputs.map((id) => [id, getSpec(graph, id).shape.map((dim) => (typeof dim === 'number' ? dim : batch))]),
  );
  const bytes = compiled.memoryBytes?.(shapes);
  return bytes === undefined ? undefined : inputBytes(shapes) + bytes;
}

/** What a run takes of an engine that keeps these bytes of values, where it doesn't say itself. */
export const guessedMemory = (values: number): number => ENGINE_BYTES + KERNEL_SHARE * values;

/** Bytes of the values that a run keeps at its fullest. */
export function valueBytes(graph: Graph, batch: number): number {
  const symbols = new Set(
    graph.inputs.flatMap((id) => getSpec(graph, id).shape.filter((dim): dim is string => typeof dim === 'string')),
  );
  return peakMemory(graph, Object.fromEntries([...symbols].map((symbol) => [symbol, batch])));
}

/** In and out: new weights stand beside the old ones. */
function inputBytes(shapes: Readonly<Record<string, readonly number[]>>): number {
  const elements = Object.values(shapes).map((shape) => shape.reduce((n, d) => n * d, 1));
  return 2 * 4 * elements.reduce((sum, n) => sum + n, 0);
}
