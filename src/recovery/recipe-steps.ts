import { changedValues } from './changed.js';
import { type Lambdas, LeastSquaresStep, MOST_INPUTS, type Role } from './least-squares-step.js';
import { levelsOf } from './levels.js';
import type { Products } from './moments.js';
import type { Networks } from './networks.js';
import type { Recipe } from './recipes.js';
import { placesFor } from './rows.js';
import { type Block, type Step, samplesOf } from './sequence.js';
import { findSharedSites, type SharedSites } from './shared-sites.js';
import { findSites, type Site } from './site.js';
import { type InputsOf, type Looked, RowBuffers, SiteReader } from './site-reader.js';
import { StatisticsStep } from './statistics-step.js';

/** What the recipes do to a pruned network: the layers that can be set, and the steps that set them. */
export class RecipeSteps {
  readonly #networks: Networks;
  readonly #products: Products;
  readonly #sites: readonly Site[];
  readonly #shared: readonly SharedSites[];
  readonly #looked: Looked;
  readonly #buffers = new RowBuffers();

  /** @param coarse whether fewer places are looked at than weights need to be good */
  constructor(networks: Networks, blocks: readonly Block[], products: Products, coarse = false) {
    const changed = changedValues(networks);
    this.#networks = networks;
    this.#products = products;
    this.#sites = recoverableSites(networks, changed);
    this.#shared = recoverableShared(networks, changed, this.#sites);
    const samples = samplesOf(blocks);
    const all = { places: placesFor(samples), samples };
    this.#looked = coarse ? sparser(all) : all;
  }

  /** How many of the layers have neither a bias nor a batch norm behind them: a mean that is off stays so. */
  get withoutOffset(): number {
    const all = [...this.#sites, ...this.#shared.flatMap(({ sites }) => sites)];
    return all.filter(({ offset }) => offset === undefined).length;
  }

  /** @param lambdas how strongly weights are held, where that was chosen before; what is chosen now is added */
  of({ weights, inputs }: Recipe, roleOf: (block: number) => Role, lambdas: Lambdas): Step[] {
    if (!weights) return [];
    const isSolved = ({ extents }: SiteReader) => weights === 'least_squares' && extents.inputs <= MOST_INPUTS;
    const inputsOf = inputs === 'original' ? 'both' : 'pruned';
    const own = this.#sites.map((site) => {
      const reader = this.#read(site, inputsOf);
      if (isSolved(reader)) return new LeastSquaresStep([reader], this.#products, roleOf, lambdas);
      const fewer = new SiteReader(site, this.#networks, 'pruned', sparser(this.#looked), this.#buffers);
      return new StatisticsStep(fewer, this.#products, (block) => roleOf(block) === 'fit');
    });
    // What goes into a layer behind another with its weights isn't known before those are: the original's is.
    const shared = this.#shared.flatMap(({ sites, isBehind }) => {
      const readers = sites.map((site, i) => this.#read(site, isBehind[i] ? 'original' : inputsOf));
      return isSolved(readers[0]) ? [new LeastSquaresStep(readers, this.#products, roleOf, lambdas)] : [];
    });
    return [...own, ...shared];
  }

  #read(site: Site, inputsOf: InputsOf): SiteReader {
    return new SiteReader(site, this.#networks, inputsOf, this.#looked, this.#buffers);
  }
}

/** Means and spreads need fewer places than weights do, and so do weights that are only planned by. */
function sparser({ places, samples }: Looked): Looked {
  return { places: Math.ceil(places / 4), samples };
}

/** The layers that read what is other than in the original. Of two that a sum adds up, the deeper repairs what the other misses. */
function recoverableSites(networks: Networks, changed: ReadonlySet<string>): Site[] {
  const sites = findSites(networks.original).filter(({ node }) => changed.has(node.outputs[0]));
  const depths = levelsOf(
    networks.original,
    sites.map(({ node }) => ({ node, after: [] })),
  );
  const repairs = new Map<string, number>();
  sites.forEach(({ sum }, i) => {
    if (!sum) return;
    const other = repairs.get(sum.value);
    if (other === undefined || depths.of[i] >= depths.of[other]) repairs.set(sum.value, i);
  });
  return sites.map(({ sum, ...site }, i) => (sum && repairs.get(sum.value) === i ? { ...site, sum } : site));
}

/** Layers with weights in common, some of which read what is other than in the original. No sum is repaired from both its sides. */
function recoverableShared(
  { original }: Networks,
  changed: ReadonlySet<string>,
  sites: readonly Site[],
): readonly SharedSites[] {
  const repaired = new Set(sites.flatMap(({ sum }) => (sum ? [sum.value] : [])));
  return findSharedSites(original)
    .filter((shared) => shared.sites.some(({ node }) => changed.has(node.outputs[0])))
    .map(({ sites: parts, isBehind }) => {
      const own = parts.map(({ sum, ...site }) => {
        if (!sum || repaired.has(sum.value)) return site;
        repaired.add(sum.value);
        return { ...site, sum };
      });
      return { sites: own, isBehind };
    });
}
