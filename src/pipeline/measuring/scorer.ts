import { type Split, shuffledOrder, subset } from '../../data/index.js';
import type { Engine } from '../../engine/engine.js';
import { graphCost } from '../../graph/cost.js';
import type { Graph } from '../../graph/graph.js';
import type { PruneConfig } from '../../prune-config/index.js';
import type { JobData } from '../feeding/job-data.js';
import { evaluateSplit } from '../training/evaluation.js';
import { type Choice, choicesOf, valuesPerSample } from './choices.js';
import { MOST_VALUES, OriginalChoices } from './original-choices.js';
import { type OutputReader, readOutputs } from './read-outputs.js';
import { agreementScore, type HeadedScore, headedScore, type Score, UNMEASURED } from './score.js';

/** Where only agreement is measured, nobody asked for it: a network of many MACs is run on fewer samples. */
const AGREEMENT = { mostSamples: 1000, fewestSamples: 100, mostMacs: 1e12 } as const;

/**
 * Measures the networks of a job, all on the same samples: the test part, or some of it where there is nothing to
 * score but agreement.
 */
export class Scorer {
  readonly #engine: Engine;
  readonly #data: JobData | undefined;
  readonly #samples: Split | undefined;
  readonly #original: OriginalChoices | undefined;

  /** @param original what others are held against, on `samples`; absent: agreement is not measured */
  constructor(engine: Engine, data?: JobData, samples = data?.test, original?: OriginalChoices) {
    this.#engine = engine;
    this.#data = data;
    this.#samples = samples;
    this.#original = original;
  }

  /** How many samples networks are measured on. */
  get samples(): number {
    return this.#samples?.count ?? 0;
  }

  /** Measures what can be measured. @throws the signal's reason */
  async score(graph: Graph, signal?: AbortSignal): Promise<Score> {
    const data = this.#data;
    if (!data || !this.#samples) return UNMEASURED;
    if (data.scored) return this.evaluate(graph, signal);
    const comparison = this.#original?.compare();
    if (!comparison) return UNMEASURED;
    const samples = { split: this.#samples, scaling: data.scaling };
    await readOutputs({ engine: this.#engine, graph }, samples, comparison, signal);
    return { ...UNMEASURED, ...agreementScore(comparison) };
  }

  /** Measures a network whose outputs have something to be scored by. @throws the signal's reason */
  async evaluate(graph: Graph, signal?: AbortSignal): Promise<HeadedScore> {
    const comparison = this.#original?.compare();
    const found = await evaluateHeads(this.#engine, graph, this.#data!, this.#samples!, comparison, signal);
    return headedScore(found, this.samples, comparison);
  }
}

/** Runs the original once: what it chooses is kept for all that is measured later. @throws the signal's reason */
export async function openScorer(
  engine: Engine,
  original: Graph,
  data: JobData | undefined,
  { finetune, seed }: PruneConfig,
  signal?: AbortSignal,
): Promise<{ readonly scorer: Scorer; readonly score: Score }> {
  if (!data) return { scorer: new Scorer(engine), score: UNMEASURED };
  const asked = choicesOf(original, data.heads, finetune || undefined);
  const split = data.scored ? data.test : someOf(data.test, original, asked, seed);
  const choices = new OriginalChoices(asked, split.count);
  const scorer = new Scorer(engine, data, split, choices);
  if (data.scored) {
    const found = await evaluateHeads(engine, original, data, split, choices, signal);
    return { scorer, score: headedScore(found, split.count, choices) };
  }
  await readOutputs({ engine, graph: original }, { split, scaling: data.scaling }, choices, signal);
  return { scorer, score: { ...UNMEASURED, ...agreementScore(choices) } };
}

function evaluateHeads(
  engine: Engine,
  graph: Graph,
  { heads, teacher, scaling }: JobData,
  split: Split,
  reader?: OutputReader,
  signal?: AbortSignal,
) {
  return evaluateSplit({ engine, graph, heads: { heads }, teacher }, split, scaling, { reader, signal });
}

/** Drawn, since the samples of a file are often in order. */
function someOf(split: Split, graph: Graph, choices: readonly Choice[], seed: number): Split {
  const cost = { macs: graphCost(graph).macs, values: valuesPerSample(graph, choices) };
  const count = agreementSamples(split.count, cost);
  if (split.count <= count) return split;
  return subset(split, shuffledOrder(split.count, seed, 0).subarray(0, count).sort());
}

/**
 * How many of so many samples agreement alone is measured on.
 * @param cost of one sample: MACs, and the values that are kept of it
 */
export function agreementSamples(count: number, { macs, values }: { macs: number; values: number }): number {
  const affordable = Math.floor(AGREEMENT.mostMacs / Math.max(1, macs));
  const keepable = Math.max(1, Math.floor(MOST_VALUES / Math.max(1, values)));
  return Math.min(count, keepable, AGREEMENT.mostSamples, Math.max(AGREEMENT.fewestSamples, affordable));
}
