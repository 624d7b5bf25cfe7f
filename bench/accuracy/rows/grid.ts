/** What is measured of each net. */
import type { PruneConfigInput } from '../../../src/prune-config/index.js';
import { CRITERIA } from '../../../src/pruning/index.js';
import { NETS, type NetName } from '../nets/index.js';

/** `default` is what a user gets who names a target and nothing else; `criterion` is recovered, too, with channels chosen by one. */
export const ROW_KINDS = ['raw', 'recovered', 'default', 'finetuned', 'criterion'] as const;
export type RowKind = (typeof ROW_KINDS)[number];

/** What the data set is made of: images without labels, class folders, or noise. */
export type Source = 'images' | 'labelled' | 'noise';

/** One job. */
export interface Row {
  readonly net: NetName;
  readonly kind: RowKind;
  /** Of the MACs. */
  readonly share: number;
  readonly source: Source;
  /** Samples of the data set; 0: there is none. */
  readonly samples: number;
  readonly draw: number;
  /** Of rows of kind `criterion`. */
  readonly criterion?: string;
  readonly config: PruneConfigInput;
}

interface Grid {
  readonly kinds: readonly RowKind[];
  readonly source: Source;
  readonly shares: readonly number[];
  readonly samples: readonly number[];
  readonly draws: number;
  /** Of which nets; absent: of all. */
  readonly nets?: readonly NetName[];
  readonly criteria?: readonly string[];
}

/** What a job is asked for beside its target. */
const ASKED: Readonly<Record<RowKind, PruneConfigInput>> = {
  raw: { recovery: { method: 'none' }, finetune: false },
  recovered: { finetune: false },
  default: {},
  finetuned: { finetune: { epochs: 2 } },
  criterion: { finetune: false },
};

const GRIDS: readonly Grid[] = [
  {
    kinds: ['raw', 'recovered'],
    source: 'images',
    shares: [0.7, 0.5, 0.3, 0.15],
    samples: [0, 32, 128, 1000],
    draws: 3,
  },
  { kinds: ['default'], source: 'images', shares: [0.5, 0.3], samples: [0, 128, 1000], draws: 1 },
  { kinds: ['finetuned'], source: 'labelled', shares: [0.5, 0.3], samples: [10_000], draws: 1 },
  // What may harm: a handful of images where little is pruned, and noise for images.
  { kinds: ['raw', 'recovered'], source: 'images', shares: [0.9], samples: [8], draws: 3 },
  { kinds: ['raw', 'recovered'], source: 'noise', shares: [0.9], samples: [128], draws: 1 },
  {
    kinds: ['criterion'],
    source: 'images',
    shares: [0.5, 0.3],
    samples: [128],
    draws: 3,
    nets: ['plain', 'residual'],
    criteria: CRITERIA.flatMap(({ name }) => (name === 'auto' ? [] : [name])),
  },
];

/** Which rows are asked for. */
export interface Choice {
  readonly nets: readonly NetName[];
  readonly kinds: readonly RowKind[];
  readonly samples?: readonly number[];
  readonly shares?: readonly number[];
  readonly draws: number;
  /** Laid over every job's config. */
  readonly overlay: PruneConfigInput;
}

/** In the order in which they are run: what a table needs most comes first. */
export function rowsOf({ nets, kinds, samples: counts, shares, draws, overlay }: Choice): Row[] {
  const rows: Row[] = [];
  for (const net of NETS.filter((name) => nets.includes(name))) {
    for (const grid of GRIDS.filter((each) => each.nets?.includes(net) ?? true)) {
      for (const kind of grid.kinds.filter((each) => kinds.includes(each))) {
        for (const criterion of grid.criteria ?? [undefined]) {
          for (const share of grid.shares.filter((each) => shares?.includes(each) ?? true)) {
            for (const samples of grid.samples.filter((each) => counts?.includes(each) ?? true)) {
              for (let draw = 1; draw <= Math.min(draws, drawsOf(kind, samples, grid)); draw++) {
                const asked = {
                  ...seedOf(samples, criterion, draw),
                  ...ASKED[kind],
                  ...byCriterion(criterion),
                  ...overlay,
                };
                const config = { target: { macs: share }, ...asked };
                const named = criterion === undefined ? {} : { criterion };
                rows.push({ net, kind, share, source: grid.source, samples, draw, ...named, config });
              }
            }
          }
        }
      }
    }
  }
  return rows;
}

function byCriterion(criterion: string | undefined): PruneConfigInput {
  return criterion === undefined ? {} : { algorithm: { mutator_cfg: { channel_unit_cfg: { criterion } } } };
}

/** Without a data set nothing is drawn but what recovery makes of the seed. */
function drawsOf(kind: RowKind, samples: number, { draws }: Grid): number {
  return samples === 0 && kind === 'raw' ? 1 : draws;
}

function seedOf(samples: number, criterion: string | undefined, draw: number): PruneConfigInput {
  return (samples === 0 || criterion === 'random') && draw > 1 ? { seed: draw } : {};
}
