import type { HeadsOptions } from '../../autodiff/index.js';
import type { JobListener } from '../../contract.js';
import type { Scaling, Split } from '../../data/index.js';
import type { Engine } from '../../engine/engine.js';
import type { Graph } from '../../graph/graph.js';
import { evaluateScalings } from '../training/evaluation.js';

/** What is scored, to find a scaling by. */
export interface ScaledSubject {
  readonly engine: Engine;
  readonly graph: Graph;
  readonly heads: HeadsOptions;
  readonly train: Split;
  readonly listener: JobListener;
}

/** Samples that are looked at to find out how integer data become inputs. */
const SCALING_SAMPLES = 512;

interface NamedScaling {
  readonly name: string;
  readonly scaling: Scaling;
}

const USUAL: NamedScaling = { name: 'x/255', scaling: '1/255' };
const RAW: NamedScaling = { name: 'x', scaling: 'none' };

/** Ways in which 8-bit data are fed to networks, most usual first. */
const SCALINGS: readonly NamedScaling[] = [USUAL, RAW, { name: 'x/127.5-1', scaling: { mean: [127.5], std: [127.5] } }];

/**
 * How the values of a data set become inputs where the config leaves it open: floats as they are, integers by what the
 * unpruned model does best on.
 */
export async function settleScaling(subject: ScaledSubject): Promise<Scaling> {
  const { train } = subject;
  if (isInteger(train.dtype)) return findScaling(subject);
  if (await looksLikePixels(train)) await warnOfUnscaled(subject);
  return 'auto';
}

/** Means and deviations of 0…1 inputs (ImageNet's, say) make nothing of 8-bit values. */
export function warnOfSmallScaling(scaling: Scaling, dtype: string, listener: JobListener): void {
  if (typeof scaling !== 'object' || !isInteger(dtype)) return;
  if ([...scaling.mean, ...scaling.std].some((v) => Math.abs(v) > 1)) return;
  listener.warning({
    code: 'SCALING_SUSPICIOUS',
    message: `scaling.mean and scaling.std are at most 1, and the data are ${dtype}: they apply to the raw values; for values divided by 255 first, give them times 255`,
  });
}

function isInteger(dtype: string): boolean {
  return /^u?int/.test(dtype);
}

/** Floats from 0 to more than a scaled pixel can be, but no more than a raw one. */
async function looksLikePixels(train: Split): Promise<boolean> {
  let largest = 0;
  for (let sample = 0; sample < Math.min(SCALING_SAMPLES, train.count); sample++) {
    for (const value of (await train.batch([sample], 'none')).x.data) {
      if (value < 0 || value > 255) return false;
      if (value > largest) largest = value;
    }
  }
  return largest > 2;
}

async function warnOfUnscaled(subject: ScaledSubject): Promise<void> {
  const best = await bestScaling(subject, RAW);
  const { listener } = subject;
  if (best === RAW) return;
  listener.warning({
    code: 'SCALING_UNLIKELY',
    message: `floats are fed as they are, up to 255; the unpruned model does better on ${best.name}: see the config field scaling`,
  });
}

async function findScaling(subject: ScaledSubject): Promise<Scaling> {
  const found = await bestScaling(subject, USUAL);
  const { listener } = subject;
  if (found !== USUAL) {
    listener.warning({
      code: 'SCALING_FOUND',
      message: `the model does best on inputs scaled as ${found.name}, so they are; the config field scaling says otherwise`,
    });
  }
  return found.scaling;
}

/** The scaling under which the unpruned model has the lowest loss; `usual` wins unless another is clearly better. */
async function bestScaling(
  { engine, graph, heads, train, listener }: ScaledSubject,
  usual: NamedScaling,
): Promise<NamedScaling> {
  const scalings = SCALINGS.map(({ scaling }) => scaling);
  const scores = await evaluateScalings({ engine, graph, heads }, train, scalings, { limit: SCALING_SAMPLES });
  const lossOf = (named: NamedScaling): number => scores[SCALINGS.indexOf(named)].loss;
  const best = SCALINGS.reduce((a, b) => (lossOf(b) < 0.9 * lossOf(a) ? b : a), usual);
  listener.log(`scaling auto: the model does best on ${best.name}`, {
    losses: Object.fromEntries(SCALINGS.map((named) => [named.name, lossOf(named)])),
  });
  return best;
}
