import type { Node } from '../graph/graph.js';
import { MomentSums, type Moments, type Products, type Sums } from './moments.js';
import { aboutZero, type Columns, meanOutput, outputSpread, Ridge, type Solved, squaredError } from './ridge.js';
import { RowBuffer } from './row-buffer.js';
import { type Rows, scaleOutputs } from './rows.js';
import type { Step, Values } from './sequence.js';
import { type ChannelStatistics, layerConstants, rescaling } from './settled-layer.js';
import { gainsOf } from './site.js';
import type { SiteReader, SiteRows } from './site-reader.js';
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
 * Sets a layer's weights (or those that several share) so that it gives with the least squared error what its target has (RECOVERY.md 1). How strongly they are
 * held to those that were is chosen by the error on blocks that are judged by, unless it was before. Where the reader reads the original's
 * inputs weights are fitted to those, which have no drift to overfit to; then means and spreads are put right for what the pruned
 * network has there.
 */
export class LeastSquaresStep implements Step {
  readonly node: Node;
  readonly also: readonly Node[];
  readonly work: number;
  /** Of the one layer, or of the first of those that share the weights. */
  readonly #reader: SiteReader;
  readonly #readers: readonly SiteReader[];
  readonly #roleOf: (block: number) => Role;
  readonly #lambdas: Lambdas;
  readonly #products: Products;
  #gathered: Gathered | undefined;

  /**
   * @param readers of all layers that have these weights: their rows are fitted to together
   * @param lambdas what was chosen before; what is chosen now is added
   */
  constructor(readers: readonly SiteReader[], products: Products, roleOf: (block: number) => Role, lambdas: Lambdas) {
    const [reader, ...others] = readers;
    const { extents, site } = reader;
    this.node = site.node;
    this.also = others.map((other) => other.site.node);
    this.#reader = reader;
    this.#readers = readers;
    this.#roleOf = roleOf;
    this.#lambdas = lambdas;
    this.#products = products;
    const { groups, inputs, outputs } = extents;
    const tried = lambdas.has(site.node.name) ? 1 : LAMBDAS.length;
    this.work = groups * tried * (inputs ** 3 / 6 + 2 * inputs ** 2 * outputs);
  }

  get reads(): readonly string[] {
    return this.#readers.flatMap(({ reads }) => reads);
  }

  get follows(): readonly string[] {
    return this.#readers.flatMap(({ follows }) => follows);
  }

  async add(block: number, pruned: Values, original: Values): Promise<void> {
    const role = this.#roleOf(block);
    this.#gathered ??= new Gathered(this.#reader, this.#products);
    for (const reader of this.#readers) {
      await this.#gathered.add(role, reader.read(block, pruned, original));
    }
  }

  async finish(pause?: Pause): Promise<Values> {
    const { site, extents } = this.#reader;
    const { groups, inputs, outputs } = extents;
    const gathered = this.#gathered!;
    const fit = gathered.moments('fit');
    const solved = await this.#solve(gathered, fit, pause);
    const columns = new Float64Array(groups * inputs * outputs);
    // Moments about zero have no spread; and what was fitted to other inputs makes other products.
    const seen = gathered.seen?.moments() ?? fit;
    const own = seen === fit && site.offset ? solved : await appliedTo(this.#products, seen, solved);
    const [made, wanted] = [empty(groups * outputs), empty(groups * outputs)];
    for (let g = 0; g < groups; g++) {
      columns.set(solved[g].columns, g * inputs * outputs);
      put(made, g * outputs, meanOutput(seen[g], own[g].columns), outputSpread(seen[g], own[g]), seen[g].count);
      put(wanted, g * outputs, seen[g].zMean, seen[g].zz, seen[g].count);
    }
    // A batch norm is told what comes; otherwise outputs are made as wide as they were, which least squares don't see to.
    const isTold = site.offset?.kind === 'norm' && !gathered.seen;
    const scale = isTold ? made.mean.map(() => 1) : rescaling(made.variance, wanted.variance);
    // The moments of all layers would take more memory than those of one level.
    this.#gathered = undefined;
    return layerConstants(this.#reader, { columns, made, mean: wanted.mean, scale });
  }

  /** For each group the weights, as strongly held as is best for all groups together. */
  async #solve(gathered: Gathered, fit: readonly Moments[], pause: Pause | undefined): Promise<readonly Solved[]> {
    const own = fit.map((moments) => this.#fitted(moments));
    const anchor = this.#anchor();
    const ridges: Ridge[] = [];
    for (const [g, moments] of own.entries()) {
      ridges.push(await withPauses(Ridge.of(moments, this.#ofGroup(anchor, g)), pause));
    }
    const solve = async (lambda: number): Promise<Solved[]> => {
      const solved: Solved[] = [];
      for (const ridge of ridges) solved.push(await withPauses(ridge.solve(lambda), pause));
      return solved;
    };
    const [weakest, ...stronger] = this.#lambdasToTry(gathered);
    let best = { lambda: weakest, solved: await solve(weakest) };
    if (stronger.length > 0) {
      const judge = gathered.moments('judge').map((moments) => this.#fitted(moments));
      let least = errorOf(await appliedTo(this.#products, judge, best.solved), own, judge);
      for (const lambda of stronger) {
        const solved = await solve(lambda);
        const error = errorOf(await appliedTo(this.#products, judge, solved), own, judge);
        // Held more strongly still it is worse still.
        if (!(error < least)) break;
        least = error;
        best = { lambda, solved };
      }
    }
    this.#lambdas.set(this.node.name, best.lambda);
    return best.solved;
  }

  /** What weights are held to: those that the layer has, with a batch norm behind it folded in, as what it is to give has that in it. */
  #anchor(): Columns {
    const { columns, extents, networks, site } = this.#reader;
    const folded = columns.slice();
    const gains = gainsOf(networks.pruned, site.offset);
    if (gains) scaleOutputs(folded, gains, extents.inputs * extents.outputs, extents.outputs);
    return folded;
  }

  #lambdasToTry(gathered: Gathered): readonly number[] {
    const before = this.#lambdas.get(this.node.name);
    if (before !== undefined) return [before];
    return gathered.count('judge') > 0 ? LAMBDAS : LAMBDAS.slice(0, 1);
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

/** What a step has of the blocks that it took in. */
class Gathered {
  readonly seen: Seen | undefined;
  readonly #moments: MomentSums;
  readonly #sums: Readonly<Record<Role, readonly Sums[]>>;

  constructor(reader: SiteReader, products: Products) {
    this.seen = reader.inputsOf === 'both' ? new Seen(reader, products) : undefined;
    this.#moments = new MomentSums(reader.extents, products);
    this.#sums = { fit: this.#moments.empty(), judge: this.#moments.empty() };
  }

  async add(role: Role, { x, z, original }: SiteRows): Promise<void> {
    // First, since what is added is written over.
    if (role === 'fit') await this.seen?.add(x, z);
    await this.#moments.add(this.#sums[role], original ?? x, z);
  }

  count(role: Role): number {
    return this.#sums[role][0].count;
  }

  moments(role: Role): Moments[] {
    return this.#moments.moments([this.#sums[role]]);
  }
}

/** The error of the weights of all groups, with the offsets that suit what they were fitted to. */
function errorOf(solved: readonly Solved[], fit: readonly Moments[], judge: readonly Moments[]): number {
  return solved.reduce((error, own, g) => {
    const made = meanOutput(fit[g], own.columns);
    const offset = fit[g].zMean.map((z, m) => z - made[m]);
    return error + squaredError(judge[g], own, offset);
  }, 0);
}

/** What weights make of other moments than they were solved for: measured by, not solved by, so single precision will do. */
async function appliedTo(
  products: Products,
  moments: readonly Moments[],
  solved: readonly Solved[],
): Promise<readonly Solved[]> {
  const [{ inputs, outputs }] = moments;
  const joined = (parts: readonly Float64Array[], columns: number): Rows => {
    const data = new Float32Array(parts.length * inputs * columns);
    parts.forEach((part, g) => {
      data.set(part, g * inputs * columns);
    });
    return { data, rows: inputs, columns };
  };
  const squares = joined(
    moments.map(({ xx }) => xx),
    inputs,
  );
  const weights = joined(
    solved.map(({ columns }) => columns),
    outputs,
  );
  const { data } = await products.outputs(squares, weights, moments.length);
  return solved.map(({ columns }, g) => {
    return { columns, product: Float64Array.from(data.subarray(g * inputs * outputs, (g + 1) * inputs * outputs)) };
  });
}

/** Of every so many rows one is enough for means and spreads, where a block has that many left then. */
const SEEN_ROWS = 1024;
/** No divisor of the places that are usual, so that all of those have their turn. */
const SEEN_STEP = 5;

/** The moments of what goes into the layer in the pruned network, and of what is to come out. */
class Seen {
  readonly #groups: number;
  readonly #sums: readonly Sums[];
  readonly #moments: MomentSums;
  readonly #buffers = { x: new RowBuffer(), z: new RowBuffer() };

  constructor({ extents }: SiteReader, products: Products) {
    this.#groups = extents.groups;
    this.#moments = new MomentSums(extents, products);
    this.#sums = this.#moments.empty();
  }

  async add(x: Rows, z: Rows): Promise<void> {
    const step = x.rows / SEEN_STEP < SEEN_ROWS ? 1 : SEEN_STEP;
    const [own, wanted] = [
      everyRow(x, this.#groups, step, this.#buffers.x),
      everyRow(z, this.#groups, step, this.#buffers.z),
    ];
    await this.#moments.add(this.#sums, own, wanted);
  }

  moments(): Moments[] {
    return this.#moments.moments([this.#sums]);
  }
}

function everyRow({ data, rows, columns }: Rows, groups: number, step: number, buffer: RowBuffer): Rows {
  const taken = Math.ceil(rows / step);
  const out = buffer.take(groups * taken * columns);
  for (let g = 0; g < groups; g++) {
    for (let r = 0; r < taken; r++) {
      const from = (g * rows + r * step) * columns;
      out.set(data.subarray(from, from + columns), (g * taken + r) * columns);
    }
  }
  return { data: out, rows: taken, columns };
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
