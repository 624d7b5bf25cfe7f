import type { StepBuilder } from '../step-builder.js';
import type { Head } from './head.js';
import { toRows } from './rows.js';

/** What a head is held against, as values of the step graph. */
export interface Targets {
  /** Graph inputs. */
  readonly labels?: string;
  readonly teacher?: string;
  /** Probabilities or numbers of the labels, as the head's rows. */
  readonly hard?: string;
  /** The right class of each row, int64. */
  readonly classIndex?: string;
  /** The original's logits or numbers, as rows. */
  readonly soft?: string;
}

/** Adds the inputs for a head's labels and for the original's output. `alone`: it is the only head. */
export function addTargets(b: StepBuilder, head: Head, alone: boolean): Targets {
  b.enter('labels');
  const { options, name } = head;
  const teacher = options.distillation && b.input(`teacher/${name}`, { dtype: 'float32', shape: head.shape });
  const soft = teacher === undefined ? {} : { teacher, soft: toRows(b, head, teacher) };
  if (options.labels === 'none') return soft;
  const id = alone ? 'labels' : `labels/${name}`;
  return { ...soft, ...(options.labels === 'index' ? classNumbers(b, head, id) : numbers(b, head, id)) };
}

function classNumbers(b: StepBuilder, head: Head, id: string): Targets {
  const { shape, classAxis, positions, width, batch, options } = head;
  const dense = shape.filter((_, axis) => axis !== classAxis);
  const labels = b.input(id, { dtype: 'int32', shape: positions === 1 ? [batch] : dense });
  const flat = positions === 1 ? labels : b.op('Reshape', [labels], { shape: [-1] });
  if (options.loss === 'binary_cross_entropy' && width === 1) {
    return { labels, hard: b.op('Reshape', [b.op('Cast', [flat], { to: 'float32' })], { shape: [0, 1] }) };
  }
  return { labels, hard: b.op('OneHot', [flat], { depth: width }), classIndex: b.op('Cast', [flat], { to: 'int64' }) };
}

function numbers(b: StepBuilder, head: Head, id: string): Targets {
  const { shape, width, positions, batch, options } = head;
  const flat = options.labels === 'one_hot' && positions === 1;
  const labels = b.input(id, { dtype: 'float32', shape: flat ? [batch, width] : shape });
  const hard = flat ? labels : toRows(b, head, labels);
  if (options.labels !== 'one_hot' || width === 1) return { labels, hard };
  return { labels, hard, classIndex: b.op('ArgMax', [hard], { axis: 1, keepdims: 0 }) };
}

/** How many samples a batch has is only known when it runs: they are counted, on what is fed for each of them. */
export function countSamples(b: StepBuilder, perSample: string): string {
  const axes = b.shape(perSample).flatMap((_, axis) => (axis === 0 ? [] : [axis]));
  const one = axes.length === 0 ? perSample : b.op('ReduceMax', [perSample], { axes, keepdims: 0 });
  const ones = b.op('Cast', [b.op('Equal', [one, one])], { to: 'float32' });
  return b.op('ReduceSum', [ones], { axes: [0], keepdims: 0 });
}
