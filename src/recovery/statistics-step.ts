import type { Node } from '../graph/graph.js';
import type { Products } from './moments.js';
import type { Rows } from './rows.js';
import type { Step, Values } from './sequence.js';
import { type ChannelStatistics, layerConstants, rescaling } from './settled-layer.js';
import type { SiteReader } from './site-reader.js';

/** Leaves a layer's weights as they are, and puts the means and the spreads of its outputs right (REPAIR, arXiv 2211.08403). */
export class StatisticsStep implements Step {
  readonly node: Node;
  readonly #reader: SiteReader;
  readonly #products: Products;
  readonly #isLookedAt: (block: number) => boolean;
  readonly #weights: Rows;
  readonly #made: Tally;
  readonly #wanted: Tally;

  constructor(reader: SiteReader, products: Products, isLookedAt: (block: number) => boolean) {
    const { groups, inputs, outputs } = reader.extents;
    this.node = reader.site.node;
    this.#reader = reader;
    this.#products = products;
    this.#isLookedAt = isLookedAt;
    this.#weights = { data: Float32Array.from(reader.columns), rows: inputs, columns: outputs };
    this.#made = new Tally(groups, outputs);
    this.#wanted = new Tally(groups, outputs);
  }

  get reads(): readonly string[] {
    return this.#reader.reads;
  }

  get follows(): readonly string[] {
    return this.#reader.follows;
  }

  async add(block: number, pruned: Values, original: Values): Promise<void> {
    if (!this.#isLookedAt(block)) return;
    const { x, z } = this.#reader.read(block, pruned, original);
    this.#made.add(await this.#products.outputs(x, this.#weights, this.#reader.extents.groups));
    this.#wanted.add(z);
  }

  finish(): Values {
    const [made, wanted] = [this.#made.statistics(), this.#wanted.statistics()];
    const scale = rescaling(made.variance, wanted.variance);
    return layerConstants(this.#reader, { columns: this.#reader.columns, made, mean: wanted.mean, scale });
  }
}

/** Means and variances of columns, by Welford's rule over blocks. */
class Tally {
  readonly #groups: number;
  readonly #columns: number;
  readonly #mean: Float64Array;
  readonly #squares: Float64Array;
  #count = 0;

  constructor(groups: number, columns: number) {
    this.#groups = groups;
    this.#columns = columns;
    this.#mean = new Float64Array(groups * columns);
    this.#squares = new Float64Array(groups * columns);
  }

  add({ data, rows }: Rows): void {
    for (let r = 0; r < rows; r++) {
      this.#count++;
      for (let g = 0; g < this.#groups; g++) {
        const at = (g * rows + r) * this.#columns;
        for (let c = 0; c < this.#columns; c++) {
          const channel = g * this.#columns + c;
          const off = data[at + c] - this.#mean[channel];
          this.#mean[channel] += off / this.#count;
          this.#squares[channel] += off * (data[at + c] - this.#mean[channel]);
        }
      }
    }
  }

  statistics(): ChannelStatistics {
    return { mean: this.#mean, variance: this.#squares.map((sum) => sum / Math.max(1, this.#count)) };
  }
}
