import type { Node } from '../graph/graph.js';
import { MomentSums, type Moments, type Products, type Sums } from './moments.js';
import { aboutZero, type Columns, meanOutput, outputSpread, Ridge, squaredError } from './ridge.js';
import type { Step, Values } from './sequence.js';
import { layerConstants, rescaling } from './settled-layer.js';
import type { SiteReader } from './site-reader.js';

/** What a block is for: to fit weights to; to choose by how strongly they are held, and then to fit to, too; or to judge by. */
export type Role = 'fit' | 'choose' | 'judge';

/** Candidates for how strongly weights are held: where few samples speak for others, strongly. */
const LAMBDAS = [1e-3, 3e-2, 1] as const;

/** Layers of more numbers in a row are not solved for: the moments alone would take too much memory. */
export const MOST_INPUTS = 3072;

/** By layer, how strongly its weights are held. */
export type Lambdas = Map<string, number>;

/**
 * Sets a layer's weights so that it gives with the least squared error what its target has (RECOVERY.md 1). How strongly they are
 * held to those that were is chosen by the error on blocks of the role `choose`, unless it was before.
 */
export class LeastSquaresStep implements Step {
  readonly node: Node;
  readonly #reader: SiteReader;
  readonly #roleOf: (block: number) => Role;
  readonly #lambdas: Lambdas;
  readonly #moments: MomentSums;
  readonly #sums: Readonly<Record<'fit' | 'choose', readonly Sums[]>>;

  /** @param lambdas what was chosen before; what is chosen now is added */
  constructor(reader: SiteReader, products: Products, roleOf: (block: number) => Role, lambdas: Lambdas) {
    this.node = reader.site.node;
    this.#reader = reader;
    this.#roleOf = roleOf;
    this.#lambdas = lambdas;
    this.#moments = new MomentSums(reader.extents, products);
    this.#sums = { fit: this.#moments.empty(), choose: this.#moments.empty() };
  }

  get reads(): readonly string[] {
    return this.#reader.reads;
  }

  get follows(): readonly string[] {
    return this.#reader.follows;
  }

  async add(block: number, pruned: Values, original: Values): Promise<void> {
    const role = this.#roleOf(block);
    if (role === 'judge') return;
    const { x, z } = this.#reader.read(block, pruned, original);
    await this.#moments.add(this.#sums[role], x, z);
  }

  finish(): Values {
    const { site, extents, columns: before } = this.#reader;
    const lambda = this.#lambdas.get(site.node.name) ?? this.#chooseLambda();
    this.#lambdas.set(site.node.name, lambda);
    const all = this.#moments.moments([this.#sums.fit, this.#sums.choose]);
    const columns = Float64Array.from(before);
    const made = { mean: perChannel(extents), variance: perChannel(extents) };
    const wanted = { mean: perChannel(extents), variance: perChannel(extents) };
    all.forEach((moments, g) => {
      const own = this.#ofGroup(columns, g);
      own.set(this.#ridge(moments, g).solve(lambda) ?? own);
      const at = g * extents.outputs;
      made.mean.set(meanOutput(moments, own), at);
      made.variance.set(
        outputSpread(moments, own).map((sum) => sum / moments.count),
        at,
      );
      wanted.mean.set(moments.zMean, at);
      wanted.variance.set(
        moments.zz.map((sum) => sum / moments.count),
        at,
      );
    });
    // A batch norm is told what comes; without one outputs are made as wide as they were, which least squares don't see to.
    const scale = site.offset?.kind === 'norm' ? made.mean.map(() => 1) : rescaling(made.variance, wanted.variance);
    return layerConstants(this.#reader, { columns, made, mean: wanted.mean, scale });
  }

  #chooseLambda(): number {
    const { fit, choose } = this.#sums;
    if (choose[0].count === 0 || fit[0].count === 0) return LAMBDAS[0];
    const [fitted, judging] = [fit, choose].map((sums) => this.#moments.moments([sums]));
    const errors = LAMBDAS.map(() => 0);
    fitted.forEach((moments, g) => {
      const ridge = this.#ridge(moments, g);
      const [own, judge] = [moments, judging[g]].map((m) => this.#fitted(m));
      LAMBDAS.forEach((lambda, i) => {
        const columns = ridge.solve(lambda) ?? this.#ofGroup(this.#reader.columns, g);
        const made = meanOutput(own, columns);
        errors[i] += squaredError(
          judge,
          columns,
          own.zMean.map((z, m) => z - made[m]),
        );
      });
    });
    return LAMBDAS[errors.indexOf(Math.min(...errors))];
  }

  /** Without an offset the weights have to make the means, too. */
  #fitted(moments: Moments): Moments {
    return this.#reader.site.offset ? moments : aboutZero(moments);
  }

  #ridge(moments: Moments, g: number): Ridge {
    return new Ridge(this.#fitted(moments), this.#ofGroup(this.#reader.columns, g));
  }

  #ofGroup(columns: Columns, g: number): Columns {
    const { inputs, outputs } = this.#reader.extents;
    return columns.subarray(g * inputs * outputs, (g + 1) * inputs * outputs);
  }
}

function perChannel({ groups, outputs }: { readonly groups: number; readonly outputs: number }): Float64Array {
  return new Float64Array(groups * outputs);
}
