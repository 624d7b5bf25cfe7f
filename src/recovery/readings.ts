import type { Engine } from '../engine/engine.js';
import type { Graph, Node } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import { MomentSums, Products, type Sums } from './moments.js';
import {
  channelsPerGroup,
  choosePlaces,
  extentsOf,
  outputRows,
  placeExtents,
  placesFor,
  type Rows,
  toColumns,
} from './rows.js';
import { type Block, type Step, samplesOf, settleInSequence, type Values } from './sequence.js';
import { findSites, gainsOf, type Site } from './site.js';

/** A layer that reads a unit's channels. */
export interface Reader {
  readonly node: Node;
  /** Where channel c stands on the layer's input: `indices[offsets[c]] … indices[offsets[c + 1] - 1]`. */
  readonly offsets: Int32Array;
  readonly indices: Int32Array;
}

export interface ReadUnit {
  readonly name: string;
  readonly numChannels: number;
  readonly readers: readonly Reader[];
}

/** What a layer reads of a unit's channels, on some samples, and its weights for them. */
export interface Reading {
  readonly site: Site;
  readonly weights: Tensor;
  /** What each output is multiplied with behind the layer, by a batch norm; undefined where there is none. */
  readonly gains: Float64Array | undefined;
  /** The indices at which all channels stand on the layer's input, once for each time that they do. */
  readonly copies: readonly Int32Array[];
  /** Of the channels, `[H, H]`. */
  readonly covariance: Float64Array;
  readonly mean: Float64Array;
  /** Of each channel the mean of its absolute values, `[H]`. */
  readonly meanAbsolute: Float64Array;
  /** Of each channel the share of values that are not 0, `[H]`. */
  readonly active: Float64Array;
}

export interface ReadOptions {
  readonly engine: Engine;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a network once, and takes what each layer of known weights reads of units' channels.
 * @returns by unit name; none for a unit that no such layer reads
 */
export async function readUnits(
  graph: Graph,
  units: readonly ReadUnit[],
  blocks: readonly Block[],
  { engine, signal }: ReadOptions,
): Promise<Map<string, readonly Reading[]>> {
  const products = new Products(engine);
  const places = placesFor(samplesOf(blocks));
  const sites = new Map(findSites(graph).map((site) => [site.node.name, site]));
  const steps = units.map((unit) =>
    unit.readers.flatMap((reader) => {
      const site = sites.get(reader.node.name);
      const copies = copiesOf(reader, unit.numChannels);
      return site && copies ? [new ReadingStep(graph, site, copies, products, places)] : [];
    }),
  );
  const networks = { original: graph, pruned: graph, kept: () => undefined };
  try {
    await settleInSequence(networks, blocks, steps.flat(), { engine, signal });
  } finally {
    await products.release();
  }
  return new Map(units.map(({ name }, u) => [name, steps[u].map((step) => step.reading())]));
}

/** Takes mean and covariance of some of a layer's input channels. */
class ReadingStep implements Step {
  readonly node: Node;
  readonly reads = [];
  readonly follows: readonly string[];
  readonly #site: Site;
  readonly #weights: Tensor;
  readonly #gains: Float64Array | undefined;
  readonly #copies: readonly Int32Array[];
  readonly #places: number;
  readonly #moments: MomentSums;
  readonly #sums: Sums[];
  readonly #magnitudes: Float64Array;
  readonly #active: Float64Array;

  constructor(graph: Graph, site: Site, copies: readonly Int32Array[], products: Products, places: number) {
    this.node = site.node;
    this.#site = site;
    this.#copies = copies;
    this.#places = places;
    this.#weights = graph.constants.get(site.weights)!.tensor;
    this.#gains = gainsOf(graph, site.offset);
    const [x] = site.node.inputs;
    this.follows = [x];
    this.#moments = new MomentSums({ groups: 1, inputs: copies[0].length, outputs: 1 }, products);
    this.#sums = this.#moments.empty();
    this.#magnitudes = new Float64Array(copies[0].length);
    this.#active = new Float64Array(copies[0].length);
  }

  async add(block: number, _pruned: Values, original: Values): Promise<void> {
    const x = original.get(this.follows[0])!;
    const places = choosePlaces(placeExtents(this.#site, x.shape), this.#places, block);
    for (const copy of this.#copies) {
      const rows = outputRows(this.#site, 1, x, places, copy);
      // Only what goes in is looked at.
      const nothing = { data: new Float32Array(rows.rows), rows: rows.rows, columns: 1 };
      // First: products are taken of rows that are shifted.
      this.#addMagnitudes(rows);
      await this.#moments.add(this.#sums, rows, nothing);
    }
  }

  #addMagnitudes({ data, rows, columns }: Rows): void {
    for (let row = 0, at = 0; row < rows; row++) {
      for (let c = 0; c < columns; c++, at++) {
        this.#magnitudes[c] += Math.abs(data[at]);
        if (data[at] !== 0) this.#active[c]++;
      }
    }
  }

  finish(): Values {
    return new Map();
  }

  reading(): Reading {
    const [{ xx, count, xMean }] = this.#moments.moments([this.#sums]);
    return {
      site: this.#site,
      weights: this.#weights,
      gains: this.#gains,
      copies: this.#copies,
      covariance: xx.map((sum) => sum / count),
      mean: xMean,
      meanAbsolute: this.#magnitudes.map((sum) => sum / count),
      active: this.#active.map((sum) => sum / count),
    };
  }
}

/**
 * A layer's weights for single input channels: those of channel c are `columns[c · width] …`, `[taps, outputs]` with the outputs of
 * its group, of which each has `perGroup` channels.
 */
export interface ChannelColumns {
  readonly columns: Float64Array;
  readonly width: number;
  readonly outputs: number;
  readonly perGroup: number;
  readonly groups: number;
}

export function channelColumns({ site, weights }: Pick<Reading, 'site' | 'weights'>): ChannelColumns {
  const { groups, inputs, outputs } = extentsOf(site, site.node, weights.shape);
  const perGroup = channelsPerGroup(site, site.node, weights.shape);
  const columns = toColumns(site, site.node, weights);
  return { columns, width: (inputs / perGroup) * outputs, outputs, perGroup, groups };
}

/** Undefined where some channels stand more often than others. */
function copiesOf({ offsets, indices }: Reader, channels: number): Int32Array[] | undefined {
  const times = offsets[1] - offsets[0];
  for (let c = 0; c < channels; c++) if (offsets[c + 1] - offsets[c] !== times) return undefined;
  if (times === 0) return undefined;
  return Array.from({ length: times }, (_, t) =>
    Int32Array.from({ length: channels }, (_, c) => indices[offsets[c] + t]),
  );
}
