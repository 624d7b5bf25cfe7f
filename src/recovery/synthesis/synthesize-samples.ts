import type { Engine } from '../../engine/engine.js';
import { EspalierError } from '../../errors.js';
import type { Graph } from '../../graph/graph.js';
import { chooseRange, TRIAL_STEPS } from './choose-range.js';
import { findObstacle } from './find-obstacle.js';
import { planBlocks } from './plan-blocks.js';
import { SampleMover } from './sample-mover.js';
import type { SampleRange } from './sample-range.js';
import { SampleSource } from './sample-source.js';
import type { NoSynthesis, SampleBlock, Synthesis } from './synthesis.js';

export interface SynthesisOptions {
  readonly graph: Graph;
  readonly engine: Engine;
  /** Default 64. */
  readonly count?: number;
  readonly seed: number;
  /** Of a block. Default 80. */
  readonly steps?: number;
  /** What the elements of every input lie between. Default: what suits the statistics best of how images are usually fed. */
  readonly ranges?: ReadonlyMap<string, SampleRange>;
  /** What a run may take; samples go through in as many blocks. Default 1 GiB. */
  readonly limitBytes?: number;
  readonly signal?: AbortSignal;
  /** Called with the share of the steps that is done. */
  readonly onProgress?: (share: number) => void;
}

/**
 * As a share of the range, at the start; it falls to 0 as a cosine. Loss after 80 steps at 0.1, 0.05 and 0.03: 0.04, 0.05, 0.07 of
 * ResNet-20 at 32 pixels, where samples of all three serve as well; 8.2, 3.7, 2.1 of MobileNetV1 at 96, and 9.1, 4.6, 2.5 of a
 * face detector at 320, whose samples large steps fill with contrasts that no photograph has.
 */
const RATE = 0.03;

/**
 * Samples from nothing (DeepInversion, Yin et al. 2020): noise, moved until the mean and variance of what goes into each batch
 * norm of the model are those that the norm holds. Same seed, engine and threads: same bits.
 * @returns the samples; or why there are none: the model has no batch norms, or inputs that can't be optimised
 * @throws the signal's reason, between two steps
 * @example const made = await synthesizeSamples({ graph, engine, seed: 1 });
 * if ('reason' in made) warn(made.reason);
 */
export async function synthesizeSamples(options: SynthesisOptions): Promise<Synthesis | NoSynthesis> {
  const { graph, engine } = options;
  const reason = findObstacle(graph);
  if (reason !== undefined) return { reason };
  const mover = await openMover(graph, engine);
  if ('reason' in mover) return mover;
  try {
    return await moveNoise(mover, options);
  } finally {
    await mover.close();
  }
}

/** That no gradient gets through is no fault of the job's. */
async function openMover(graph: Graph, engine: Engine): Promise<SampleMover | NoSynthesis> {
  try {
    return await SampleMover.open(graph, engine);
  } catch (error) {
    if (error instanceof EspalierError && error.code === 'NOT_TRAINABLE') return { reason: error.message };
    throw error;
  }
}

async function moveNoise(mover: SampleMover, options: SynthesisOptions): Promise<Synthesis | NoSynthesis> {
  const { graph, count = 64, seed, steps = 80, limitBytes = 2 ** 30, signal, onProgress } = options;
  const plan = planBlocks(mover, count, limitBytes);
  if ('oneTakes' in plan) {
    return { reason: `one sample takes ${plan.oneTakes} bytes of memory, and ${limitBytes} may be used` };
  }
  const total = plan.sizes.length * steps + (options.ranges ? 0 : TRIAL_STEPS);
  let done = 0;
  const onStep = (): void => onProgress?.(++done / total);

  const source = new SampleSource(graph, seed);
  const chosen = options.ranges
    ? { ranges: options.ranges }
    : await chooseRange(mover, source, { most: plan.sizes[0], rate: RATE, signal, onStep });
  if (!chosen) return { reason: 'the model makes no finite numbers of noise in any usual range of inputs' };
  const bounds = source.bounds(chosen.ranges);
  const rates = Array.from({ length: steps }, (_, i) => (RATE / 2) * (1 + Math.cos((Math.PI * i) / steps)));

  const blocks: SampleBlock[] = [];
  const sums = { before: 0, after: 0 };
  let from = 0;
  for (const size of plan.sizes) {
    const start = source.draw(from, size, bounds);
    const feeds = await mover.move(start, { bounds, rates, signal, onStep });
    sums.before += (await mover.lossOf(start)) * size;
    sums.after += (await mover.lossOf(feeds)) * size;
    blocks.push({ feeds, samples: size });
    from += size;
  }
  if (!Number.isFinite(sums.after)) return { reason: 'optimising the samples ended in numbers that are not finite' };
  const [lossBefore, lossAfter] = [sums.before / count, sums.after / count];
  return { blocks, ...chosen, lossBefore, lossAfter, layers: mover.step.layers };
}
