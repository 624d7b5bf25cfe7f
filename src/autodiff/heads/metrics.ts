import type { StepBuilder } from '../step-builder.js';
import type { MetricKind } from '../training-step.js';
import type { Head } from './head.js';
import type { Targets } from './targets.js';

/** The metric that fits a head: what its loss compares, and with what. */
export function metricOf({ options, positions, width }: Head): MetricKind {
  const classes = options.loss === 'cross_entropy' || (isBinary(options.loss) && options.labels !== 'values');
  if (!classes && !isBinary(options.loss)) return 'mean_absolute_error';
  if (options.labels === 'none') return 'agreement';
  if (positions > 1) return 'pixel_accuracy';
  return classes && width > 1 ? 'accuracy' : 'binary_accuracy';
}

const isBinary = (loss: string): boolean => loss === 'binary_cross_entropy';

/** The metric of a batch summed over its samples, a float32 scalar. */
export function sumMetric(b: StepBuilder, head: Head, rows: string, targets: Targets): string {
  const { options, positions, width } = head;
  const all = { axes: [0], keepdims: 0 };
  if (options.loss !== 'cross_entropy' && !isBinary(options.loss)) {
    const distance = b.op('Abs', [b.op('Sub', [rows, targets.hard ?? targets.soft!])]);
    return b.op('ReduceSum', [b.op('ReduceMean', [distance], { axes: [1], keepdims: 0 })], all);
  }
  const byClass = options.loss === 'cross_entropy' || targets.classIndex !== undefined;
  const hits = byClass ? rightClasses(b, rows, targets) : rightSides(b, rows, targets);
  const perRow = byClass ? hits : b.op('ReduceMean', [hits], { axes: [1], keepdims: 0 });
  const sum = b.op('ReduceSum', [perRow], all);
  return positions > 1 && width > 1 ? b.op('Div', [sum, b.scalar(positions, sum)]) : sum;
}

/** 1 for each row whose largest logit is the right class's. */
function rightClasses(b: StepBuilder, rows: string, { classIndex, soft }: Targets): string {
  const largest = (value: string): string => b.op('ArgMax', [value], { axis: 1, keepdims: 0 });
  return b.op('Cast', [b.op('Equal', [largest(rows), classIndex ?? largest(soft!)])], { to: 'float32' });
}

/** 1 for each element whose logit is on the side of its label. */
function rightSides(b: StepBuilder, rows: string, { hard, soft }: Targets): string {
  const above = (value: string, bound: number): string =>
    b.op('Cast', [b.op('Greater', [value, b.scalar(bound, value)])], { to: 'float32' });
  const truth = hard === undefined ? above(soft!, 0) : above(hard, 0.5);
  return b.op('Cast', [b.op('Equal', [above(rows, 0), truth])], { to: 'float32' });
}
