import { expect } from 'vitest';
import type { CompiledGraph } from '../../src/engine/index.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import { type Graph, getSpec, type TensorSpec } from '../../src/graph/graph.js';
import { type DType, type RefTensor, type Tensor, toRef } from '../../src/graph/tensor.js';
import type { Random } from './random.js';

/**
 * `max|a−b| / max|b|`, or the absolute difference where the reference is zero. Equal infinities and NaNs agree.
 * @param scale a magnitude of the inputs: results that are small by cancellation are held against it.
 */
export function relativeError(found: ArrayLike<number>, expected: ArrayLike<number>, scale = 0): number {
  let largest = scale;
  let difference = 0;
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(found[i], expected[i])) continue;
    largest = Math.max(largest, Number.isFinite(expected[i]) ? Math.abs(expected[i]) : 0);
    const d = Math.abs(found[i] - expected[i]);
    difference = Math.max(difference, Number.isNaN(d) ? Number.POSITIVE_INFINITY : d);
  }
  return largest === 0 ? difference : difference / largest;
}

/** How far results may be off, relative to the largest, by their dtype; those that it leaves out must be equal. */
export type Tolerances = Partial<Readonly<Record<DType, number>>>;

export function expectClose(name: string, found: Tensor, expected: RefTensor, tolerance: number, scale = 0): void {
  expect(found.dtype, name).toBe(expected.dtype);
  expect([...found.shape], name).toEqual([...expected.shape]);
  expect(relativeError(toRef(found).data, expected.data, scale), name).toBeLessThanOrEqual(tolerance);
}

/**
 * Runs both sides on the same random feeds, of magnitude 1 where `feedOf` makes no others, and compares every output.
 * @param tolerance of floats of any width, or by dtype
 */
export async function expectAgreement(
  graph: Graph,
  compiled: CompiledGraph,
  random: Random,
  batch: number,
  tolerance: number | Tolerances,
  feedOf: (random: Random, spec: TensorSpec, batch: number) => Tensor = (r, spec, n) => r.tensor(spec, n),
): Promise<void> {
  const tolerances = typeof tolerance === 'number' ? { float32: tolerance, float64: tolerance } : tolerance;
  const feeds = new Map(graph.inputs.map((id) => [id, feedOf(random, getSpec(graph, id), batch)]));
  const expected = evaluateGraph(graph, new Map([...feeds].map(([id, t]) => [id, toRef(t)])));
  const found = await compiled.run(feeds);
  for (const [name, t] of expected) expectClose(name, found.get(name)!, t, tolerances[t.dtype] ?? 0, 0.1);
}
