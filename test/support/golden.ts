import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { seededRandom } from './seeded-random.js';

interface GoldenFile {
  readonly inputs: readonly { readonly shape: number[] }[];
  readonly outputs: readonly GoldenOutput[];
}

/** Some values of one output of a third party's run, by their place in the flattened output, and two sums over all. */
export interface GoldenOutput {
  readonly name: string;
  readonly shape: readonly number[];
  readonly n: number;
  readonly sum: number;
  readonly l2: number;
  readonly idx: readonly number[];
  readonly val: readonly number[];
}

/** A model's `golden.json`: what was fed (one random stream over the inputs, in order) and what came out. */
export function readGolden(folder: string): { inputs: Tensor<'float32'>[]; outputs: readonly GoldenOutput[] } {
  const golden = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as GoldenFile;
  const random = seededRandom(1234);
  const inputs = golden.inputs.map(({ shape }) => {
    const size = shape.reduce((n, d) => n * d, 1);
    return tensor('float32', shape, Float32Array.from({ length: size }, random));
  });
  return { inputs, outputs: golden.outputs };
}

/** Largest difference from the golden values, as a share of the largest of them; Infinity for another shape. */
export function goldenError(
  output: { shape: readonly number[]; data: ArrayLike<number> },
  golden: GoldenOutput,
): number {
  if (String(output.shape) !== String(golden.shape)) return Number.POSITIVE_INFINITY;
  const largest = Math.max(...golden.val.map(Math.abs));
  const differences = golden.idx.map((at, i) => Math.abs(output.data[at] - golden.val[i]));
  let squares = 0;
  for (let i = 0; i < output.data.length; i++) squares += output.data[i] ** 2;
  const l2Error = Math.abs(Math.sqrt(squares) - golden.l2) / golden.l2;
  return Math.max(l2Error, ...differences.map((d) => d / largest));
}
