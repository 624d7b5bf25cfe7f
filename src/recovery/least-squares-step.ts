import type { Node } from '../graph/graph.js';
import { MomentSums, type Moments, type Products, type Sums } from './moments.js';
import {
  aboutZero,
  appliedTo,
  type Columns,
  meanOutput,
  outputSpread,
  Ridge,
  type Solved,
  squaredError,
} from './ridge.js';
import type { Step, Values } from './sequence.js';
import { type ChannelStatistics, layerConstants, rescaling } from './settled-layer.js';
import type { SiteReader } from './site-reader.js';
import { type Pause, withPauses } from './work.js';

/** What a block is for: to fit weights to, or to judge by. */
export type Role = 'fit' | 'judge';

/** Candidates for how strongly weights are held: where few samples speak for others, strongly. */
const LAMBDAS = [1e-3, 3e-2, 1] as const;

/** Layers of more numbers in a row are not solved for: the moments alone would take too much memory. */
export const MOST_INPUTS = 3072;

/** By layer, how strongly its weights are held. */
export type Lambdas = Map<string, number>;

/**
 * Sets a layer's weights so that it gives with the least squared error what its target has (RECOVERY.md 1). How strongly they are
 * held to those that were is chosen by the error on blocks that are judged by, unless it was before. Where the reader reads the original's
 * inputs weights are fitted to those, which have no drift to overfit to; then means and spreads are put right for what the pruned
 * network has there.
 */
export class LeastSquaresStep implements Step {
  readonly node: Node;
  readonly work: number;
  readonly #reader: SiteReader;
  readonly #roleOf: (block: number) => Role;
  readonly #lambdas: Lambdas;
  readonly #moments: MomentSums;
  readonly #sums: Readonly<Record<Role, readonly Sums[]>>;
  readonly #seen: Seen | undefined;

  /** @param lambdas what was chosen before; what is chosen now is added */
  constructor(reader: SiteReader, products: Products, roleOf: (block: number) => Role, lambdas: Lambdas) {
    const { extents, site, readsOriginal } = reader;
    this.node = site.node;
    this.#reader = reader;
    this.#roleOf = roleOf;
    this.#lambdas = lambdas;
    this.#moments = new MomentSums(extents, products);
    this.#sums = { fit: this.#moments.empty(), judge: this.#moments.empty() };
    this.#seen = readsOriginal ? new Seen(reader, products) : undefined;
    const { groups, inputs, outputs } = extents;
    const tried = lambdas.has(site.node.name) ? 1 : LAMBDAS.length;
    this.work = groups * tried * (inputs ** 3 / 6 + 2 * inputs ** 2 * outputs);
  }

  get reads(): readonly string[] {
    return this.#reader.reads;
  }

  get follows(): readonly string[] {
    return this.#reader.follows;
  }

  async add(block: number, pruned: Values, original: Values): Promise<void> {
    const role = this.#roleOf(block);
    const { x, z, original: clean } = this.#reader.read(block, pruned, original);
    await this.#moments.add(this.#sums[role], clean ?? x, z);
    if (role === 'fit') await this.#seen?.add(x);
  }

  async finish(pause?: Pause): Promise<Values> {
    const { site, extents } = this.#reader;
    const { groups, inputs, outputs } = extents;
    const fit = this.#moments.moments([this.#sums.fit]);
    const solved = await this.#solve(fit, pause);
    const columns = new Float64Array(groups * inputs * outputs);
    const inputsSeen = this.#seen?.moments();
    const [made, wanted] = [empty(groups * outputs), empty(groups * outputs)];
    for (const [g, moments] of fit.entries()) {
      columns.set(solved[g].columns, g * inputs * outputs);
      const seen = inputsSeen?.[g] ?? moments;
      // Moments about zero have no spread; and what was fitted to other inputs makes other products.
      const isOwn = seen === moments && site.offset !== undefined;
      const own = isOwn ? solved[g] : await withPauses(appliedTo(seen, solved[g].columns), pause);
      put(made, g * outputs, meanOutput(seen, own.columns), outputSpread(seen, own), seen.count);
      put(wanted, g * outputs, moments.zMean, moments.zz, moments.count);
    }
    // A batch norm is told what comes; otherwise outputs are made as wide as they were, which least squares don't see to.
    const isTold = site.offset?.kind === 'norm' && !this.#seen;
    const scale = isTold ? made.mean.map(() => 1) : rescaling(made.variance, wanted.variance);
    return layerConstants(this.#reader, { columns, made, mean: wanted.mean, scale });
  }

  /** For each group the weights, as strongly held as is best for all groups together. */
  async #solve(fit: readonly Moments[], pause: Pause | undefined): Promise<readonly Solved[]> {
    const own = fit.map((moments) => this.#fitted(moments));
    const ridges: Ridge[] = [];
    for (const [g, moments] of own.entries()) {
      ridges.push(await withPauses(Ridge.of(moments, this.#ofGroup(this.#reader.columns, g)), pause));
    }
    const solve = async (lambda: number): Promise<Solved[]> => {
      const solved: Solved[] = [];
      for (const ridge of ridges) solved.push(await withPauses(ridge.solve(lambda), pause));
      return solved;
    };
    const [weakest, ...stronger] = this.#lambdasToTry();
    let best = { lambda: weakest, solved: await solve(weakest) };
    if (stronger.length > 0) {
      const judge = this.#moments.moments([this.#sums.judge]).map((moments) => this.#fitted(moments));
      let least = await errorOf(best.solved, own, judge, pause);
      for (const lambda of stronger) {
        const solved = await solve(lambda);
        const error = await errorOf(solved, own, judge, pause);
        // Held more strongly still it is worse still.
        if (!(error < least)) break;
        least = error;
        best = { lambda, solved };
      }
    }
    this.#lambdas.set(this.node.name, best.lambda);
    return best.solved;
  }

  #lambdasToTry(): readonly number[] {
    const before = this.#lambdas.get(this.node.name);
    if (before !== undefined) return [before];
    return this.#sums.judge[0].count > 0 ? LAMBDAS : LAMBDAS.slice(0, 1);
  }

  /** Without an offset the weights have to make the means, too. */
  #fitted(moments: Moments): Moments {
    return this.#reader.site.offset ? moments : aboutZero(moments);
  }

  #ofGroup(columns: Columns, g: number): Columns {
    const { inputs, outputs } = this.#reader.extents;
    return columns.subarray(g * inputs * outputs, (g + 1) * inputs * outputs);
  }
}

/** The error of the weights of all groups, with the offsets that suit what they were fitted to. */
async function errorOf(
  solved: readonly Solved[],
  fit: readonly Moments[],
  judge: readonly Moments[],
  pause: Pause | undefined,
): Promise<number> {
  let error = 0;
  for (const [g, { columns }] of solved.entries()) {
    const made = meanOutput(fit[g], columns);
    const offset = fit[g].zMean.map((z, m) => z - made[m]);
    error += squaredError(judge[g], await withPauses(appliedTo(judge[g], columns), pause), offset);
  }
  return error;
}

/** The moments of what goes into the layer in the pruned network. */
class Seen {
  readonly #outputs: number;
  readonly #sums: readonly Sums[];
  readonly #moments: MomentSums;

  constructor({ extents: { groups, inputs, outputs } }: SiteReader, products: Products) {
    this.#outputs = outputs;
    this.#moments = new MomentSums({ groups, inputs, outputs: 1 }, products);
    this.#sums = this.#moments.empty();
  }

  async add(x: Parameters<MomentSums['add']>[1]): Promise<void> {
    // Only what goes in is looked at.
    const nothing = { data: new Float32Array(x.rows * this.#sums.length), rows: x.rows, columns: 1 };
    await this.#moments.add(this.#sums, x, nothing);
  }

  moments(): Moments[] {
    return this.#moments.moments([this.#sums]).map((moments) => ({ ...moments, outputs: this.#outputs }));
  }
}

function empty(channels: number): ChannelStatistics {
  return { mean: new Float64Array(channels), variance: new Float64Array(channels) };
}

function put(to: ChannelStatistics, at: number, mean: Float64Array, squares: Float64Array, count: number): void {
  to.mean.set(mean, at);
  to.variance.set(
    squares.map((sum) => sum / count),
    at,
  );
}
