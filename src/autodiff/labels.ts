import type { ClassificationHead } from './classification-head.js';
import type { StepBuilder } from './step-builder.js';
import type { TrainingOptions } from './training-step.js';

/** The labels of a batch as a step graph's values. */
export interface Labels {
  /** The graph input. */
  readonly input: string;
  /** Probability of each class, float32 `[N, classes]`. */
  readonly target: string;
  /** The right class, int64 `[N]`. */
  readonly classIndex: string;
  /** Number of samples, a float32 scalar. */
  readonly samples: string;
}

/** Adds the input for labels of a kind. */
export function addLabels(b: StepBuilder, kind: TrainingOptions['labels'], head: ClassificationHead): Labels {
  b.enter('labels');
  if (kind === 'index') {
    const input = b.input('labels', { dtype: 'int32', shape: [head.batch] });
    const target = b.op('OneHot', [input], { depth: head.classes });
    return withSamples(b, input, target, b.op('Cast', [input], { to: 'int64' }));
  }
  const input = b.input('labels', { dtype: 'float32', shape: [head.batch, head.classes] });
  return withSamples(b, input, input, b.op('ArgMax', [input], { axis: 1, keepdims: 0 }));
}

/** How many samples a batch has is only known when it runs: the classes are counted. */
function withSamples(b: StepBuilder, input: string, target: string, classIndex: string): Labels {
  const ones = b.op('Cast', [b.op('Equal', [classIndex, classIndex])], { to: 'float32' });
  return { input, target, classIndex, samples: b.op('ReduceSum', [ones], { axes: [0], keepdims: 0 }) };
}

/** How many of the batch have their largest logit at the right class, a float32 scalar. */
export function countCorrect(b: StepBuilder, logits: string, labels: Labels): string {
  const predicted = b.op('ArgMax', [logits], { axis: 1, keepdims: 0 });
  const hits = b.op('Cast', [b.op('Equal', [predicted, labels.classIndex])], { to: 'float32' });
  return b.op('ReduceSum', [hits], { axes: [0], keepdims: 0 });
}
