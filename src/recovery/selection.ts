import type { Engine } from '../engine/engine.js';
import type { Graph, Node } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import { choleskyFactor, choleskyInverse } from './cholesky.js';
import { MomentSums, Products, type Sums } from './moments.js';
import { channelsPerGroup, choosePlaces, extentsOf, outputRows, placeExtents, placesFor, toColumns } from './rows.js';
import { type Block, type Step, settleInSequence, type Values } from './sequence.js';
import { findSites, type Site } from './site.js';

/** A layer that reads a unit's channels. */
export interface Reader {
  readonly node: Node;
  /** Where channel c stands on the layer's input: `indices[offsets[c]] … indices[offsets[c + 1] - 1]`. */
  readonly offsets: Int32Array;
  readonly indices: Int32Array;
}

export interface RankedUnit {
  readonly name: string;
  readonly numChannels: number;
  readonly readers: readonly Reader[];
}

export interface SelectionOptions {
  readonly engine: Engine;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Ranks channels as an optimal brain surgeon would (Hassibi and Stork 1993; RECOVERY.md 2): always the channel goes whose loss
 * costs the layers that read it least, once their weights for the others are set anew.
 * @returns by unit, the place of each channel in that order, the first to go being 0; units that no layer of known weights reads are
 *   left out
 */
export async function rankChannelsByLoss(
  graph: Graph,
  units: readonly RankedUnit[],
  blocks: readonly Block[],
  { engine, signal }: SelectionOptions,
): Promise<Map<string, Float64Array>> {
  const products = new Products(engine);
  const places = placesFor(blocks);
  const sites = new Map(findSites(graph).map((site) => [site.node.name, site]));
  const steps = units.map((unit) =>
    unit.readers.flatMap((reader) => {
      const site = sites.get(reader.node.name);
      const copies = copiesOf(reader, unit.numChannels);
      return site && copies ? [new CovarianceStep(graph, site, copies, products, places)] : [];
    }),
  );
  const networks = { original: graph, pruned: graph, kept: () => undefined };
  try {
    await settleInSequence(networks, blocks, steps.flat(), { engine, signal });
  } finally {
    await products.release();
  }
  const ranks = new Map<string, Float64Array>();
  units.forEach((unit, u) => {
    if (steps[u].length === 0) return;
    signal?.throwIfAborted();
    ranks.set(
      unit.name,
      eliminate(
        steps[u].map((step) => step.loss()),
        unit.numChannels,
      ),
    );
  });
  return ranks;
}

/** What a layer loses by channels: their covariance `[H, H]`, and the products of their weights `[H, H]`. */
export interface LayerLoss {
  readonly covariance: Float64Array;
  readonly weights: Float64Array;
}

/** The share of the mean variance that is added to each, so that covariances have an inverse. */
const DAMPING = 1e-3;

/**
 * The order in which channels go: each time the one of the least `Σ_layers w_h·w_h / (P_hh·E)`, P the inverse of the covariance and E
 * the layer's energy `tr(wᵀGw)`. Weights and inverse are updated by what the others take over.
 * @returns for each channel its place in the order
 */
export function eliminate(layers: readonly LayerLoss[], channels: number): Float64Array {
  const states = layers.flatMap(({ covariance, weights }) => {
    let trace = 0;
    for (let h = 0; h < channels; h++) trace += covariance[h * channels + h];
    const damped = Float64Array.from(covariance);
    const energy = covariance.reduce((sum, g, i) => sum + g * weights[i], 0);
    if (!(trace > 0) || !(energy > 0)) return [];
    for (let h = 0; h < channels; h++) damped[h * channels + h] += (DAMPING * trace) / channels;
    const factor = choleskyFactor(damped, channels);
    if (!factor) return [];
    return [{ inverse: choleskyInverse(factor, channels), weights: Float64Array.from(weights), energy }];
  });
  const left = Array.from({ length: channels }, (_, h) => h);
  const order = new Float64Array(channels);
  for (let place = 0; place < channels; place++) {
    const loss = (h: number): number =>
      states.reduce((sum, { inverse, weights, energy }) => {
        const at = h * channels + h;
        return sum + Math.max(0, weights[at]) / (inverse[at] * energy);
      }, 0);
    let least = 0;
    let lost = Number.POSITIVE_INFINITY;
    left.forEach((h, i) => {
      const own = loss(h);
      if (own < lost) [least, lost] = [i, own];
    });
    const [gone] = left.splice(least, 1);
    order[gone] = place;
    for (const { inverse, weights } of states) removeChannel(inverse, weights, left, gone, channels);
  }
  return order;
}

/** `w −= P_h/P_hh · w_h` in terms of `M = w·wᵀ`, and `P −= P_h·P_hᵀ/P_hh`, for the channels that are left. */
function removeChannel(p: Float64Array, m: Float64Array, left: readonly number[], gone: number, n: number): void {
  const pivot = p[gone * n + gone];
  const share = left.map((i) => p[i * n + gone] / pivot);
  const own = left.map((i) => m[i * n + gone]);
  const energy = m[gone * n + gone];
  left.forEach((i, a) => {
    const row = i * n;
    const factor = share[a];
    const shared = own[a] - factor * energy;
    const inverse = factor * pivot;
    for (let b = 0; b < left.length; b++) {
      const at = row + left[b];
      m[at] -= factor * own[b] + shared * share[b];
      p[at] -= inverse * share[b];
    }
  });
}

/** Takes the covariance of some of a layer's input channels. */
class CovarianceStep implements Step {
  readonly node: Node;
  readonly reads = [];
  readonly follows: readonly string[];
  readonly #site: Site;
  readonly #weights: Tensor;
  readonly #copies: readonly Int32Array[];
  readonly #places: number;
  readonly #moments: MomentSums;
  readonly #sums: Sums[];

  constructor(graph: Graph, site: Site, copies: readonly Int32Array[], products: Products, places: number) {
    this.node = site.node;
    this.#site = site;
    this.#copies = copies;
    this.#places = places;
    this.#weights = graph.constants.get(site.weights)!.tensor;
    const [x] = site.node.inputs;
    this.follows = [x];
    this.#moments = new MomentSums({ groups: 1, inputs: copies[0].length, outputs: 1 }, products);
    this.#sums = this.#moments.empty();
  }

  async add(block: number, _pruned: Values, original: Values): Promise<void> {
    const x = original.get(this.follows[0])!;
    const places = choosePlaces(placeExtents(this.#site, x.shape), this.#places, block);
    for (const copy of this.#copies) {
      const rows = outputRows(this.#site, 1, x, places, copy);
      // Only what goes in is looked at.
      const nothing = { data: new Float32Array(rows.rows), rows: rows.rows, columns: 1 };
      await this.#moments.add(this.#sums, rows, nothing);
    }
  }

  finish(): Values {
    return new Map();
  }

  loss(): LayerLoss {
    const [{ xx, count }] = this.#moments.moments([this.#sums]);
    return { covariance: xx.map((sum) => sum / count), weights: this.#weightProducts() };
  }

  /** For each two channels the product of their weights, over outputs and taps. */
  #weightProducts(): Float64Array {
    const channels = this.#copies[0].length;
    const products = new Float64Array(channels * channels);
    const columns = toColumns(this.#site, this.node, this.#weights);
    const { inputs, outputs } = extentsOf(this.#site, this.node, this.#weights.shape);
    const perGroup = channelsPerGroup(this.#site, this.node, this.#weights.shape);
    // Of one input channel: its rows, one a tap, stand together.
    const width = (inputs / perGroup) * outputs;
    for (const copy of this.#copies) {
      for (let a = 0; a < channels; a++) {
        const [groupA, from] = [Math.floor(copy[a] / perGroup), copy[a] * width];
        for (let b = 0; b <= a; b++) {
          if (Math.floor(copy[b] / perGroup) !== groupA) continue;
          const to = copy[b] * width;
          let sum = 0;
          for (let i = 0; i < width; i++) sum += columns[from + i] * columns[to + i];
          products[a * channels + b] += sum;
          if (a !== b) products[b * channels + a] += sum;
        }
      }
    }
    return products;
  }
}

/** The indices at which all channels stand, once for each time that they do; undefined where some stand more often than others. */
function copiesOf({ offsets, indices }: Reader, channels: number): Int32Array[] | undefined {
  const times = offsets[1] - offsets[0];
  for (let c = 0; c < channels; c++) if (offsets[c + 1] - offsets[c] !== times) return undefined;
  if (times === 0) return undefined;
  return Array.from({ length: times }, (_, t) =>
    Int32Array.from({ length: channels }, (_, c) => indices[offsets[c] + t]),
  );
}
