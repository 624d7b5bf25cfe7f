import { getSpec, type Node } from '../graph/graph.js';
import { gatherAxis, type Tensor } from '../graph/tensor.js';
import type { Networks } from './networks.js';
import {
  choosePlaces,
  type Extents,
  extentsOf,
  inputRows,
  outputRows,
  placeExtents,
  type Rows,
  toColumns,
} from './rows.js';
import type { Values } from './sequence.js';
import { channelAxis, type Site } from './site.js';

/** Whose activations a layer is fitted to read: the pruned network's, or the original's less the channels that went. */
export type InputsOf = 'pruned' | 'original';

/** Rows for each number in a row: more tell nothing new. */
const ROWS_PER_INPUT = 400;
const LEAST_PLACES = 8;
/** Numbers that the rows of one block may have. */
const MOST_VALUES = 2 ** 24;

/** How much is looked at: of so many samples, so many places each. */
export interface Looked {
  readonly places: number;
  readonly samples: number;
}

/** Takes the rows of a site out of what both networks compute: what goes in, and what is to come out. */
export class SiteReader {
  readonly site: Site;
  readonly networks: Networks;
  /** The site's node as the pruned network has it. */
  readonly node: Node;
  readonly extents: Extents;
  /** Of the pruned network, `[groups, inputs, outputs]`. */
  readonly columns: Float64Array;
  readonly reads: readonly string[];
  readonly follows: readonly string[];
  readonly #inputs: InputsOf;
  readonly #places: number;
  readonly #kernel: readonly number[];
  readonly #wanted: string;

  /** @param places of each sample that are looked at, at most */
  constructor(site: Site, networks: Networks, inputs: InputsOf, { places, samples }: Looked) {
    this.site = site;
    this.networks = networks;
    this.node = networks.pruned.nodes.find(({ name }) => name === site.node.name)!;
    const weights = networks.pruned.constants.get(site.weights)!.tensor;
    this.extents = extentsOf(site, this.node, weights.shape);
    this.columns = toColumns(site, this.node, weights);
    const [x] = site.node.inputs;
    const others = site.sum ? [site.sum.other] : [];
    this.#wanted = site.sum?.value ?? site.target;
    this.reads = inputs === 'pruned' ? [x, ...others] : others;
    this.follows = inputs === 'original' ? [this.#wanted, x] : [this.#wanted];
    this.#inputs = inputs;
    // A depthwise convolution's nine numbers need fewer rows than there are.
    this.#places = Math.min(
      places,
      Math.max(LEAST_PLACES, Math.ceil((ROWS_PER_INPUT * this.extents.inputs) / samples)),
    );
    this.#kernel = site.form === 'convolution' ? weights.shape.slice(2) : [];
  }

  /** For each chosen place of each sample of a block: the layer's inputs, and what its target has there. */
  read(block: number, pruned: Values, original: Values): { readonly x: Rows; readonly z: Rows } {
    const { site, networks } = this;
    const [input] = site.node.inputs;
    const x = this.#inputs === 'pruned' ? pruned.get(input)! : this.#narrow(input, original.get(input)!);
    const full = original.get(this.#wanted)!;
    const { groups, inputs } = this.extents;
    const most = Math.floor(MOST_VALUES / (full.shape[0] * groups * inputs));
    const places = choosePlaces(placeExtents(site, full.shape), Math.max(1, Math.min(this.#places, most)), block);
    const kept = networks.kept(this.#wanted, channelAxis(site, getSpec(networks.original, this.#wanted).shape.length));
    const z = outputRows(site, groups, full, places, kept);
    if (site.sum) subtractRows(z, outputRows(site, groups, pruned.get(site.sum.other)!, places));
    return { x: inputRows(site, this.node, x, this.#kernel, places), z };
  }

  #narrow(id: string, full: Tensor): Tensor {
    return full.shape.reduce((tensor, _, axis) => {
      const indices = this.networks.kept(id, axis);
      return indices ? gatherAxis(tensor, axis, indices) : tensor;
    }, full);
  }
}

function subtractRows(from: Rows, by: Rows): void {
  for (let i = 0; i < from.data.length; i++) from.data[i] -= by.data[i];
}
