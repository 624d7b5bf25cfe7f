import type { Tensor } from '../../graph/tensor.js';
import type { SampleRange } from './sample-range.js';

/** Some of the samples: every input of the graph, by id. */
export interface SampleBlock {
  readonly feeds: ReadonlyMap<string, Tensor>;
  readonly samples: number;
}

/** Samples made of what a model's batch norms remember of its training data. */
export interface Synthesis {
  readonly blocks: readonly SampleBlock[];
  /** By input: what its elements lie between. */
  readonly ranges: ReadonlyMap<string, SampleRange>;
  /** Where nobody said the range: what was tried, with the loss that it came to, and which was taken. */
  readonly trial?: { readonly taken: string; readonly losses: Readonly<Record<string, number>> };
  /** How far the moments of the samples are from the batch norms', summed over them, before and after: a mean over the blocks. */
  readonly lossBefore: number;
  readonly lossAfter: number;
  /** The layers whose moments were compared. */
  readonly layers: readonly string[];
}

/** Why there are none, in a sentence. */
export interface NoSynthesis {
  readonly reason: string;
}
