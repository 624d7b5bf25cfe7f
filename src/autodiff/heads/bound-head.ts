import { type LossTerm, lossTerms } from '../losses/index.js';
import { times } from '../losses/loss.js';
import type { StepBuilder } from '../step-builder.js';
import type { HeadBinding } from '../training-step.js';
import type { Head } from './head.js';
import { metricOf, sumMetric } from './metrics.js';
import { fromRows, toRows } from './rows.js';
import { addTargets, countSamples, type Targets } from './targets.js';

/** A head with the inputs that it is held against. */
export interface BoundHead {
  readonly head: Head;
  readonly targets: Targets;
}

/** Adds every head's inputs, and settles what a sample is counted by. Before the forward pass. */
export function bindHeads(b: StepBuilder, heads: readonly Head[]): BoundHead[] {
  const bound = heads.map((head) => ({ head, targets: addTargets(b, head, heads.length === 1) }));
  const [{ head, targets }] = bound;
  const fed = targets.labels ?? targets.teacher;
  if (fed === undefined) throw new Error(`head ${head.name} has neither labels nor an original to learn from`);
  b.batch = { dim: head.batch, samples: countSamples(b, fed) };
  return bound;
}

/** Where a head's labels go in and its metric comes out, which this adds to the graph. */
export function reportHead(b: StepBuilder, { head, targets }: BoundHead, value: string, alone: boolean): HeadBinding {
  const score = sumMetric(b, head, toRows(b, head, value), targets);
  return {
    output: head.name,
    ...(targets.labels === undefined ? {} : { labels: targets.labels }),
    ...(targets.teacher === undefined ? {} : { teacher: targets.teacher }),
    metric: metricOf(head),
    scoreOutput: b.output(alone ? 'correct' : `score/${head.name}`, score),
  };
}

/** The loss of a head over a batch, a scalar: its mean, or its sum over the samples. */
export function headLoss(b: StepBuilder, { head, targets }: BoundHead, value: string, how: 'mean' | 'sum'): string {
  const rows = toRows(b, head, value);
  const reduced = lossTerms(b, head, targets).map(({ loss, target, weight }) => {
    const perRow = loss.perRow(b, rows, target);
    if (how === 'mean') return times(b, b.op('ReduceMean', [perRow], { axes: [0], keepdims: 0 }), weight);
    return times(b, b.op('ReduceSum', [perRow], { axes: [0], keepdims: 0 }), weight / head.positions);
  });
  return sumOf(b, reduced);
}

/** The gradient of the mean loss by the head's value. */
export function headGradient(b: StepBuilder, { head, targets }: BoundHead, value: string): string {
  const rows = toRows(b, head, value);
  const count = times(b, b.batch!.samples, head.positions);
  const parts = lossTerms(b, head, targets).map(({ loss, target, weight }: LossTerm) =>
    times(b, loss.gradient(b, rows, target, count), weight),
  );
  return fromRows(b, head, sumOf(b, parts));
}

export const sumOf = (b: StepBuilder, values: readonly string[]): string =>
  values.reduce((sum, value) => b.op('Add', [sum, value]));
