import type { CompiledGraph, Engine } from '../engine/engine.js';
import { GraphBuilder } from '../graph/builder.js';
import type { Graph } from '../graph/graph.js';
import { tensor } from '../graph/tensor.js';
import type { Extents, Rows } from './rows.js';

/**
 * Sums over rows of what goes into a layer, x, and of what is to come out, z, of one group:
 * `xx = Σ xᵀx [K, K]`, `xz = Σ xᵀz [K, M]`, `zz = Σ z² [M]`, `x = Σ x [K]`, `z = Σ z [M]`.
 */
export interface Sums {
  count: number;
  readonly xx: Float64Array;
  readonly xz: Float64Array;
  readonly zz: Float64Array;
  readonly x: Float64Array;
  readonly z: Float64Array;
}

/** What least squares go by, of one group: moments about the means. */
export interface Moments {
  readonly count: number;
  readonly inputs: number;
  readonly outputs: number;
  /** `Σ (x − x̄)ᵀ(x − x̄)`, `[K, K]`. */
  readonly xx: Float64Array;
  /** `Σ (x − x̄)ᵀ(z − z̄)`, `[K, M]`. */
  readonly xz: Float64Array;
  /** `Σ (z − z̄)²`, `[M]`. */
  readonly zz: Float64Array;
  readonly xMean: Float64Array;
  readonly zMean: Float64Array;
}

/**
 * Adds up sums of rows, block by block. Products are in the engine's single precision, sums in double; rows are taken less the
 * means of the first block, so that little is lost where numbers are large beside their spread.
 */
export class MomentSums {
  readonly extents: Extents;
  readonly #products: Products;
  #shift: { readonly x: Float32Array; readonly z: Float32Array } | undefined;

  constructor(extents: Extents, products: Products) {
    this.extents = extents;
    this.#products = products;
  }

  empty(): Sums[] {
    const { groups, inputs, outputs } = this.extents;
    return Array.from({ length: groups }, () => ({
      count: 0,
      xx: new Float64Array(inputs * inputs),
      xz: new Float64Array(inputs * outputs),
      zz: new Float64Array(outputs),
      x: new Float64Array(inputs),
      z: new Float64Array(outputs),
    }));
  }

  /** Adds the rows of one block to `sums`. The rows are written over. */
  async add(sums: readonly Sums[], x: Rows, z: Rows): Promise<void> {
    const { groups } = this.extents;
    this.#shift ??= { x: columnMeans(x, groups), z: columnMeans(z, groups) };
    subtract(x, this.#shift.x);
    subtract(z, this.#shift.z);
    const { xx, xz } = await this.#products.of(x, z, groups);
    sums.forEach((sum, g) => {
      sum.count += x.rows;
      addInto(sum.xx, xx, g * sum.xx.length);
      addInto(sum.xz, xz, g * sum.xz.length);
      addColumns(sum.x, x, g);
      addColumns(sum.z, z, g);
      addSquares(sum.zz, z, g);
    });
  }

  /** Moments of all of these together, one a group. */
  moments(parts: readonly (readonly Sums[])[]): Moments[] {
    const { inputs, outputs } = this.extents;
    const total = this.empty();
    for (const part of parts) {
      part.forEach((sum, g) => {
        total[g].count += sum.count;
        for (const field of ['xx', 'xz', 'zz', 'x', 'z'] as const) addInto(total[g][field], sum[field], 0);
      });
    }
    return total.map((sum, g) => centre(sum, inputs, outputs, this.#shift!, g));
  }
}

/** The products `xᵀx` and `xᵀz` of rows, by an engine. */
export class Products {
  readonly #engine: Engine;
  readonly #compiled = new Map<string, Promise<CompiledGraph>>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** `[groups, K, K]` and `[groups, K, M]`. */
  async of(x: Rows, z: Rows, groups: number): Promise<{ xx: Float32Array; xz: Float32Array }> {
    const [xShape, zShape] = [shapeOf(x, groups), shapeOf(z, groups)];
    const compiled = await this.#compile(`${xShape} ${zShape}`, () => productGraph(xShape, zShape));
    const feeds = new Map([
      ['x', tensor('float32', xShape, x.data)],
      ['z', tensor('float32', zShape, z.data)],
    ]);
    const results = await compiled.run(feeds);
    return { xx: results.get('xx')!.data as Float32Array, xz: results.get('xz')!.data as Float32Array };
  }

  /** What weights `[groups, K, M]` make of rows `[groups, rows, K]`. */
  async outputs(x: Rows, weights: Rows, groups: number): Promise<Rows> {
    const [xShape, wShape] = [shapeOf(x, groups), shapeOf(weights, groups)];
    const compiled = await this.#compile(`${xShape} × ${wShape}`, () => outputGraph(xShape, wShape));
    const results = await compiled.run(
      new Map([
        ['x', tensor('float32', xShape, x.data)],
        ['w', tensor('float32', wShape, weights.data)],
      ]),
    );
    return { data: results.get('y')!.data as Float32Array, rows: x.rows, columns: weights.columns };
  }

  #compile(key: string, make: () => Graph): Promise<CompiledGraph> {
    const compiled = this.#compiled.get(key) ?? this.#engine.compile(make(), { idle: 'sleep' });
    this.#compiled.set(key, compiled);
    return compiled;
  }

  async release(): Promise<void> {
    const compiled = [...this.#compiled.values()];
    this.#compiled.clear();
    for (const graph of compiled) await (await graph).release();
  }
}

/** Groups have an axis where there are several. */
function shapeOf({ rows, columns }: Rows, groups: number): number[] {
  return groups > 1 ? [groups, rows, columns] : [rows, columns];
}

function outputGraph(xShape: readonly number[], wShape: readonly number[]): Graph {
  const b = new GraphBuilder('outputs');
  const x = b.input('x', { dtype: 'float32', shape: xShape });
  const w = b.input('w', { dtype: 'float32', shape: wShape });
  b.output('y', b.op('MatMul', [x, w]));
  return b.build();
}

function productGraph(xShape: readonly number[], zShape: readonly number[]): Graph {
  const b = new GraphBuilder('products');
  const x = b.input('x', { dtype: 'float32', shape: xShape });
  const z = b.input('z', { dtype: 'float32', shape: zShape });
  if (xShape.length === 2) {
    b.output('xx', b.op('Gemm', [x, x], { transA: 1 }));
    b.output('xz', b.op('Gemm', [x, z], { transA: 1 }));
  } else {
    const transposed = b.op('Transpose', [x], { perm: [0, 2, 1] });
    b.output('xx', b.op('MatMul', [transposed, x]));
    b.output('xz', b.op('MatMul', [transposed, z]));
  }
  return b.build();
}

function columnMeans({ data, rows, columns }: Rows, groups: number): Float32Array {
  const means = new Float64Array(groups * columns);
  for (let g = 0, at = 0; g < groups; g++) {
    for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) means[g * columns + c] += data[at++];
  }
  return Float32Array.from(means, (sum) => sum / Math.max(1, rows));
}

function subtract({ data, rows, columns }: Rows, shift: Float32Array): void {
  for (let g = 0, at = 0; at < data.length; g++) {
    for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) data[at++] -= shift[g * columns + c];
  }
}

function addInto(to: Float64Array, from: Float32Array | Float64Array, at: number): void {
  for (let i = 0; i < to.length; i++) to[i] += from[at + i];
}

function addColumns(to: Float64Array, { data, rows, columns }: Rows, g: number): void {
  let at = g * rows * columns;
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) to[c] += data[at++];
}

function addSquares(to: Float64Array, { data, rows, columns }: Rows, g: number): void {
  let at = g * rows * columns;
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++, at++) to[c] += data[at] * data[at];
}

function centre(
  sum: Sums,
  inputs: number,
  outputs: number,
  shift: { x: Float32Array; z: Float32Array },
  g: number,
): Moments {
  const { count } = sum;
  const xx = Float64Array.from(sum.xx);
  const xz = Float64Array.from(sum.xz);
  const zz = Float64Array.from(sum.zz);
  for (let i = 0; i < inputs; i++) {
    const x = sum.x[i] / count;
    for (let j = 0; j < inputs; j++) xx[i * inputs + j] -= x * sum.x[j];
    for (let j = 0; j < outputs; j++) xz[i * outputs + j] -= x * sum.z[j];
  }
  for (let j = 0; j < outputs; j++) zz[j] = Math.max(0, zz[j] - (sum.z[j] * sum.z[j]) / count);
  return {
    ...{ count, inputs, outputs, xx, xz, zz },
    xMean: sum.x.map((x, i) => x / count + shift.x[g * inputs + i]),
    zMean: sum.z.map((z, j) => z / count + shift.z[g * outputs + j]),
  };
}
