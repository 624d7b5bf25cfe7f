import { getSpec, type Node } from '../graph/graph.js';
import { gatherAxis, type Tensor } from '../graph/tensor.js';
import type { Networks } from './networks.js';
import { RowBuffer } from './row-buffer.js';
import {
  choosePlaces,
  type Extents,
  extentsOf,
  inputRows,
  outputRows,
  type Places,
  periodsOf,
  placeExtents,
  type Rows,
  toColumns,
} from './rows.js';
import type { Values } from './sequence.js';
import { channelAxis, type Site } from './site.js';

/** Whose inputs of a layer are read: the pruned network's, or the original's less the channels that went. */
export type InputsOf = 'pruned' | 'original' | 'both';

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

/** What rows are written to; readers take turns. */
export class RowBuffers {
  readonly inputs = new RowBuffer();
  readonly originalInputs = new RowBuffer();
  readonly outputs = new RowBuffer();
  readonly others = new RowBuffer();
}

/** Of one block, for each chosen place of each sample; written over when the next is read. */
export interface SiteRows {
  /** What goes into the layer: in the pruned network, unless only the original's is read. */
  readonly x: Rows;
  /** What goes into it in the original, less the channels that went; where both are read. */
  readonly original?: Rows;
  /** What it is to give. */
  readonly z: Rows;
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
  readonly inputsOf: InputsOf;
  readonly #places: number;
  readonly #kernel: readonly number[];
  readonly #wanted: string;
  readonly #buffers: RowBuffers;

  /** @param places of each sample that are looked at, at most */
  constructor(site: Site, networks: Networks, inputsOf: InputsOf, { places, samples }: Looked, buffers: RowBuffers) {
    this.site = site;
    this.networks = networks;
    this.node = networks.pruned.nodes.find(({ name }) => name === site.node.name)!;
    const weights = networks.pruned.constants.get(site.weights)!.tensor;
    this.extents = extentsOf(site, this.node, weights.shape);
    this.columns = toColumns(site, this.node, weights);
    const [x] = site.node.inputs;
    this.#wanted = site.sum?.value ?? site.target;
    this.reads = [...(inputsOf === 'original' ? [] : [x]), ...(site.sum ? [site.sum.other] : [])];
    this.follows = inputsOf === 'pruned' ? [this.#wanted] : [this.#wanted, x];
    this.inputsOf = inputsOf;
    // A depthwise convolution's nine numbers need fewer rows than there are.
    this.#places = Math.min(
      places,
      Math.max(LEAST_PLACES, Math.ceil((ROWS_PER_INPUT * this.extents.inputs) / samples)),
    );
    this.#kernel = site.form === 'dense' ? [] : weights.shape.slice(2);
    this.#buffers = buffers;
  }

  read(block: number, pruned: Values, original: Values): SiteRows {
    const { site, networks } = this;
    const { inputs, originalInputs, outputs, others } = this.#buffers;
    const [input] = site.node.inputs;
    const full = original.get(this.#wanted)!;
    const { groups } = this.extents;
    const most = Math.floor(MOST_VALUES / (full.shape[0] * groups * this.extents.inputs));
    const wanted = Math.max(1, Math.min(this.#places, most));
    const places = choosePlaces(placeExtents(site, full.shape), wanted, block, periodsOf(site, this.node));
    const kept = networks.kept(this.#wanted, channelAxis(site, getSpec(networks.original, this.#wanted).shape.length));
    const z = outputRows(site, groups, full, places, kept, outputs);
    if (site.sum) subtractRows(z, outputRows(site, groups, pruned.get(site.sum.other)!, places, undefined, others));
    const clean = (buffer: RowBuffer): Rows => {
      return this.#inputs(this.#narrow(input, original.get(input)!), places, buffer);
    };
    if (this.inputsOf === 'original') return { x: clean(inputs), z };
    const x = this.#inputs(pruned.get(input)!, places, inputs);
    return this.inputsOf === 'both' ? { x, z, original: clean(originalInputs) } : { x, z };
  }

  #inputs(x: Tensor, places: Places, buffer: RowBuffer): Rows {
    return inputRows(this.site, this.node, x, this.#kernel, places, buffer);
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
