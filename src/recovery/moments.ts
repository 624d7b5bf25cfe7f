import type { CompiledGraph, Engine } from '../engine/engine.js';
import { GraphBuilder } from '../graph/builder.js';
import type { Graph } from '../graph/graph.js';
import { type Tensor, tensor } from '../graph/tensor.js';
import { FEW_INPUTS, groupOutputs, groupProducts } from './group-products.js';
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

/** Of so many rows products are taken at once: more don't fit a core's cache, and products of 8,192 take more than twice as long a row. */
const ROWS_AT_ONCE = 1024;

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
    const shift = this.#shift;
    sums.forEach((sum, g) => {
      sum.count += x.rows;
      shiftColumns(x, shift.x, g, sum.x);
      shiftColumns(z, shift.z, g, sum.z);
      addSquares(sum.zz, z, g);
    });
    // Groups' rows lie one group after the other, and those of several groups are few numbers each.
    const step = groups === 1 ? ROWS_AT_ONCE : Math.max(1, x.rows);
    for (let from = 0; from < x.rows; from += step) {
      const { xx, xz } = await this.#products.of(
        ...partOf([x, z], from, Math.min(step, x.rows - from), groups),
        groups,
      );
      sums.forEach((sum, g) => {
        addInto(sum.xx, xx, g * sum.xx.length);
        addInto(sum.xz, xz, g * sum.xz.length);
      });
    }
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

/** A graph, and what it gave last, which the next run may write over. */
interface Compiled {
  readonly graph: Promise<CompiledGraph>;
  spent: ReadonlyMap<string, Tensor> | undefined;
}

/** The products `xᵀx` and `xᵀz` of rows, by an engine. What one call gives is good until the next. */
export class Products {
  readonly #engine: Engine;
  readonly #compiled = new Map<string, Compiled>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** `[groups, K, K]` and `[groups, K, M]`. */
  async of(x: Rows, z: Rows, groups: number): Promise<Record<'xx' | 'xz', Float32Array | Float64Array>> {
    if (groups > 1 && x.columns <= FEW_INPUTS) return groupProducts(x, z, groups);
    const [xShape, zShape] = [shapeOf(x, groups), shapeOf(z, groups)];
    const results = await this.#run(`${xShape} ${zShape}`, () => productGraph(xShape, zShape), {
      x: tensor('float32', xShape, x.data),
      z: tensor('float32', zShape, z.data),
    });
    return { xx: results.get('xx')!.data as Float32Array, xz: results.get('xz')!.data as Float32Array };
  }

  /** What weights `[groups, K, M]` make of rows `[groups, rows, K]`. */
  async outputs(x: Rows, weights: Rows, groups: number): Promise<Rows> {
    if (groups > 1 && x.columns <= FEW_INPUTS) return groupOutputs(x, weights, groups);
    const [xShape, wShape] = [shapeOf(x, groups), shapeOf(weights, groups)];
    const results = await this.#run(`${xShape} × ${wShape}`, () => outputGraph(xShape, wShape), {
      x: tensor('float32', xShape, x.data),
      w: tensor('float32', wShape, weights.data),
    });
    return { data: results.get('y')!.data as Float32Array, rows: x.rows, columns: weights.columns };
  }

  async #run(key: string, make: () => Graph, feeds: Record<string, Tensor>): Promise<ReadonlyMap<string, Tensor>> {
    const known = this.#compiled.get(key);
    const compiled = known ?? { graph: this.#engine.compile(make(), { idle: 'sleep' }), spent: undefined };
    if (!known) this.#compiled.set(key, compiled);
    const { spent } = compiled;
    compiled.spent = undefined;
    const results = await (await compiled.graph).run(new Map(Object.entries(feeds)), spent);
    compiled.spent = results;
    return results;
  }

  async release(): Promise<void> {
    const compiled = [...this.#compiled.values()];
    this.#compiled.clear();
    for (const { graph } of compiled) await (await graph).release();
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

function partOf([x, z]: readonly [Rows, Rows], from: number, rows: number, groups: number): [Rows, Rows] {
  const part = (all: Rows): Rows => {
    if (rows === all.rows) return all;
    const length = groups * rows * all.columns;
    return { data: all.data.subarray(from * all.columns, from * all.columns + length), rows, columns: all.columns };
  };
  return [part(x), part(z)];
}

function columnMeans({ data, rows, columns }: Rows, groups: number): Float32Array {
  const means = new Float64Array(groups * columns);
  for (let g = 0, at = 0; g < groups; g++) {
    for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) means[g * columns + c] += data[at++];
  }
  return Float32Array.from(means, (sum) => sum / Math.max(1, rows));
}

function addInto(to: Float64Array, from: Float32Array | Float64Array, at: number): void {
  for (let i = 0; i < to.length; i++) to[i] += from[at + i];
}

/** Takes `shift` from the columns of group g, and adds what is left up. */
function shiftColumns({ data, rows, columns }: Rows, shift: Float32Array, g: number, sums: Float64Array): void {
  const own = shift.subarray(g * columns, (g + 1) * columns);
  for (let r = 0, at = g * rows * columns; r < rows; r++) {
    for (let c = 0; c < columns; c++, at++) {
      const value = Math.fround(data[at] - own[c]);
      data[at] = value;
      sums[c] += value;
    }
  }
}

function addSquares(to: Float64Array, { data, rows, columns }: Rows, g: number): void {
  let at = g * rows * columns;
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++, at++) to[c] += data[at] * data[at];
}

/** The sums are written over. */
function centre(
  sum: Sums,
  inputs: number,
  outputs: number,
  shift: { x: Float32Array; z: Float32Array },
  g: number,
): Moments {
  const { count, xx, xz, zz } = sum;
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
