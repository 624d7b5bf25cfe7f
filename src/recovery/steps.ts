import { getSpec, type Node } from '../graph/graph.js';
import { numberAttr } from '../graph/ops/attributes.js';
import { gatherAxis, type Tensor } from '../graph/tensor.js';
import { MomentSums, type Moments, type Products, type Sums } from './moments.js';
import type { Networks } from './networks.js';
import { aboutZero, type Columns, meanOutput, outputSpread, solveRidge, squaredError } from './ridge.js';
import {
  choosePlaces,
  type Extents,
  extentsOf,
  fromColumns,
  inputRows,
  outputRows,
  placeExtents,
  type Rows,
  toColumns,
} from './rows.js';
import type { Step, Values } from './sequence.js';
import { channelAxis, type Site } from './site.js';

/** How a layer's weights are found. */
export interface Recipe {
  /** `least_squares`: solved for; `statistics`: as they are, only the outputs' means and spreads are put right. */
  readonly weights: 'least_squares' | 'statistics';
  /** What the weights are fitted to read: what the pruned network gives them, or what they would be given by the original. */
  readonly inputs: 'pruned' | 'original';
  /** How strongly weights are held to the anchor; `held_back`: by the error on blocks that they were not fitted to. */
  readonly lambda: number | 'held_back';
  readonly anchored: boolean;
}

/** What a block is for: to fit weights to; to choose by how strongly they are held, and then to fit to, too; or neither. */
export type Role = 'fit' | 'choose' | 'judge';

export interface StepOptions {
  readonly networks: Networks;
  readonly products: Products;
  /** Rows that are looked at, of each sample. */
  readonly places: number;
  readonly roleOf: (block: number) => Role;
  readonly recipe: Recipe;
}

const LAMBDAS = [1e-3, 1e-2, 1e-1, 1] as const;
/** How much wider outputs may be made, and narrower. */
const [LEAST_SCALE, MOST_SCALE] = [0.2, 5];

/** Sets a layer's weights, and its offset, by what the original has there. */
export class SiteStep implements Step {
  readonly node: Node;
  readonly after: readonly string[];
  readonly reads: readonly string[];
  readonly follows: readonly string[];
  readonly #site: Site;
  readonly #options: StepOptions;
  /** As the pruned network has it. */
  readonly #own: Node;
  readonly #weights: Tensor;
  readonly #extents: Extents;
  readonly #sums: MomentSums;
  readonly #fitting: Sums[];
  readonly #choosing: Sums[];

  constructor(site: Site, options: StepOptions) {
    const { networks, products, recipe } = options;
    const { pruned } = networks;
    this.#site = site;
    this.#options = options;
    this.node = site.node;
    this.#own = pruned.nodes.find(({ name }) => name === site.node.name)!;
    this.#weights = pruned.constants.get(site.weights)!.tensor;
    this.#extents = extentsOf(site, this.#own, this.#weights.shape);
    this.#sums = new MomentSums(this.#extents, products);
    this.#fitting = this.#sums.empty();
    this.#choosing = this.#sums.empty();
    const [x] = site.node.inputs;
    const other = site.sum ? [site.sum.other] : [];
    this.after = other;
    this.reads = recipe.inputs === 'pruned' ? [x, ...other] : other;
    this.follows = [site.sum?.value ?? site.target, ...(recipe.inputs === 'original' ? [x] : [])];
  }

  async add(block: number, pruned: Values, original: Values): Promise<void> {
    const { recipe, places: most, roleOf } = this.#options;
    const role = roleOf(block);
    if (role === 'judge') return;
    const site = this.#site;
    const [id] = site.node.inputs;
    const x = recipe.inputs === 'pruned' ? pruned.get(id)! : this.#narrow(id, original.get(id)!);
    const full = original.get(site.sum?.value ?? site.target)!;
    const places = choosePlaces(placeExtents(site, full.shape), most, block);
    const { groups } = this.#extents;
    const kept = this.#kept(site.sum?.value ?? site.target);
    const z = outputRows(site, groups, full, places, kept);
    if (site.sum) subtractRows(z, outputRows(site, groups, pruned.get(site.sum.other)!, places));
    const kernel = site.form === 'convolution' ? this.#weights.shape.slice(2) : [];
    const rows = inputRows(site, this.#own, x, kernel, places);
    await this.#sums.add(role === 'choose' ? this.#choosing : this.#fitting, rows, z);
  }

  finish(): Values {
    const site = this.#site;
    const parts = this.#choosing[0].count > 0 ? [this.#fitting, this.#choosing] : [this.#fitting];
    const centred = this.#sums.moments(parts);
    const hasOffset = site.offset !== undefined;
    const all = hasOffset ? centred : centred.map(aboutZero);
    const anchor = toColumns(site, this.#own, this.#weights);
    const theta = Float64Array.from(anchor);
    const { outputs, inputs } = this.#extents;
    const size = inputs * outputs;
    if (this.#options.recipe.weights === 'least_squares') {
      const lambda = this.#chooseLambda(hasOffset);
      all.forEach((moments, g) => {
        const own = anchor.subarray(g * size, (g + 1) * size);
        const solved = solveRidge(moments, { lambda, anchor: this.#options.recipe.anchored ? own : undefined });
        if (solved) theta.set(solved, g * size);
      });
    }
    return this.#constants(theta, centred);
  }

  #chooseLambda(hasOffset: boolean): number {
    const { recipe } = this.#options;
    if (recipe.lambda !== 'held_back') return recipe.lambda;
    if (this.#choosing[0].count === 0) return LAMBDAS[0];
    const [fit, judge] = [this.#fitting, this.#choosing].map((sums) => {
      const moments = this.#sums.moments([sums]);
      return hasOffset ? moments : moments.map(aboutZero);
    });
    const anchor = toColumns(this.#site, this.#own, this.#weights);
    const size = this.#extents.inputs * this.#extents.outputs;
    const errors = LAMBDAS.map((lambda) =>
      fit.reduce((sum, moments, g) => {
        const own = anchor.subarray(g * size, (g + 1) * size);
        const theta = solveRidge(moments, { lambda, anchor: recipe.anchored ? own : undefined }) ?? own;
        const mean = meanOutput(moments, theta);
        return (
          sum +
          squaredError(
            judge[g],
            theta,
            moments.zMean.map((z, m) => z - mean[m]),
          )
        );
      }, 0),
    );
    return LAMBDAS[errors.indexOf(Math.min(...errors))];
  }

  /** The constants that make the layer give these weights' outputs, with the means that the original has, and its spreads. */
  #constants(theta: Columns, all: readonly Moments[]): Values {
    const site = this.#site;
    const { groups, inputs, outputs } = this.#extents;
    const channels = groups * outputs;
    const size = inputs * outputs;
    const spread = new Float64Array(channels);
    const mean = new Float64Array(channels);
    const wanted = { mean: new Float64Array(channels), spread: new Float64Array(channels) };
    all.forEach((moments, g) => {
      const own = theta.subarray(g * size, (g + 1) * size);
      spread.set(
        outputSpread(moments, own).map((sum) => sum / moments.count),
        g * outputs,
      );
      mean.set(meanOutput(moments, own), g * outputs);
      wanted.mean.set(moments.zMean, g * outputs);
      wanted.spread.set(
        moments.zz.map((sum) => sum / moments.count),
        g * outputs,
      );
    });
    const constants = new Map<string, Tensor>();
    const isSolved = this.#options.recipe.weights === 'least_squares';
    const scale = spread.map((value, c) => {
      if (site.offset?.kind === 'norm' && isSolved) return 1;
      return value > 0 ? clamp(Math.sqrt(wanted.spread[c] / value)) : 1;
    });
    if (site.offset?.kind === 'norm') return this.#normConstants(theta, mean, spread, wanted.mean, scale);
    const scaled = theta.map((value, i) => {
      const [g, m] = [Math.floor(i / size), i % outputs];
      return value * scale[g * outputs + m];
    });
    constants.set(site.weights, fromColumns(site, this.#own, scaled, this.#weights.shape));
    if (site.offset) {
      const { id } = site.offset;
      const { shape } = getSpec(this.#options.networks.pruned, id);
      const data = Float32Array.from(wanted.mean, (z, c) => z - scale[c] * mean[c]);
      constants.set(id, { dtype: 'float32', shape, data } as Tensor);
    }
    return constants;
  }

  /** With a batch norm behind it the layer is as exact in evaluation, and as a training step wants it (RECOVERY.md 1). */
  #normConstants(
    theta: Columns,
    mean: Float64Array,
    spread: Float64Array,
    wanted: Float64Array,
    scale: Float64Array,
  ): Values {
    const site = this.#site;
    const { norm, bias } = site.offset as Extract<Site['offset'], { kind: 'norm' }>;
    const { pruned } = this.#options.networks;
    const own = bias === undefined ? undefined : (pruned.constants.get(bias)!.tensor.data as Float32Array);
    const epsilon = numberAttr(norm, 'epsilon', 1e-5);
    const set = (values: Float64Array): Tensor => {
      return { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) };
    };
    const [, gamma, beta, running, variance] = norm.inputs;
    return new Map([
      [site.weights, fromColumns(site, this.#own, theta, this.#weights.shape)],
      [gamma, set(spread.map((v, c) => scale[c] * Math.sqrt(v + epsilon)))],
      [beta, set(wanted)],
      [running, set(mean.map((m, c) => m + (own?.[c] ?? 0)))],
      [variance, set(spread)],
    ]);
  }

  #narrow(id: string, full: Tensor): Tensor {
    const { kept } = this.#options.networks;
    return full.shape.reduce((tensor, _, axis) => {
      const indices = kept(id, axis);
      return indices ? gatherAxis(tensor, axis, indices) : tensor;
    }, full);
  }

  #kept(value: string): Int32Array | undefined {
    const { kept, original } = this.#options.networks;
    return kept(value, channelAxis(this.#site, getSpec(original, value).shape.length));
  }
}

function clamp(scale: number): number {
  return Math.min(MOST_SCALE, Math.max(LEAST_SCALE, scale));
}

function subtractRows(from: Rows, by: Rows): void {
  for (let i = 0; i < from.data.length; i++) from.data[i] -= by.data[i];
}
