import {
  type ClosingActivation,
  findClosingActivation,
  type HeadOptions,
  type LossKind,
} from '../../autodiff/index.js';
import { didYouMean, pointer } from '../../checks/index.js';
import type { Labels, LabelTarget } from '../../data/index.js';
import { EspalierError } from '../../errors.js';
import { formatShape, isBound } from '../../graph/dims.js';
import { type Graph, type GraphOutput, getSpec, producers } from '../../graph/graph.js';
import { findOp } from '../../graph/ops/index.js';
import { elementCount } from '../../graph/tensor.js';
import type { Distillation, FinetuneConfig, LossName } from '../../prune-config/index.js';
import { type Choice, choicesOf } from '../measuring/choices.js';

/** What is trained and scored: the model's heads, and the labels that each is fed. */
export interface ChosenHeads {
  readonly heads: readonly (HeadOptions & { readonly output: string })[];
  readonly targets: readonly LabelTarget[];
}

/** What outputs learn from the original model: without labels of their own, and beside them. */
export interface Teaching {
  readonly alone?: Distillation | undefined;
  beside?(loss: LossKind): Distillation | undefined;
}

/**
 * Settles which loss each output is trained and scored by, and how its labels are fed. Outputs without labels are left
 * aside, unless they learn from the original model.
 * @param finetune absent where nothing is trained: labels are scored as they would be
 * @throws EspalierError NOT_TRAINABLE, LABELS_INVALID, CONFIG_INVALID, OUTPUT_UNKNOWN
 */
export function chooseHeads(
  graph: Graph,
  labels: ReadonlyMap<string, Labels>,
  finetune: FinetuneConfig | undefined,
  teaching: Teaching = {},
): ChosenHeads {
  const configured = Object.keys(finetune?.heads ?? {});
  const names = graph.outputs.map((o) => o.name);
  for (const name of configured) requireOutput(name, names, `/config/finetune/heads${pointer(name)}`);
  const sources = labelSources(names, labels, configured);
  const choices = choicesOf(graph, [], finetune);
  const heads: (HeadOptions & { output: string })[] = [];
  const targets: LabelTarget[] = [];
  for (const output of graph.outputs) {
    const from = sources.get(output.name);
    if (from === undefined && !teaching.alone) continue;
    const asked = finetune?.heads[output.name];
    const subject = new Subject(graph, output, asked?.loss ?? finetune?.loss ?? 'auto');
    const own = from === undefined ? undefined : labels.get(from)!;
    const fed = own ? subject.labelled(own, (finetune?.augmentation?.mixup ?? 0) > 0) : undefined;
    const head = fed?.head ?? subject.unlabelled(choices.find((choice) => choice.output === output.name));
    const distillation = fed ? teaching.beside?.(head.loss) : teaching.alone;
    const { label_smoothing: labelSmoothing = 0, huber_delta: huberDelta = 1 } = finetune ?? {};
    heads.push({
      ...head,
      output: output.name,
      weight: asked?.weight ?? 1,
      labelSmoothing,
      huberDelta,
      ...(distillation ? { distillation } : {}),
    });
    if (fed) targets.push({ output: output.name, from: from!, ...fed.target });
  }
  if (heads.length > 0 && finetune?.label_smoothing) requireSmoothable(heads);
  return { heads, targets };
}

/** A field that does nothing is a mistake of whoever set it. */
function requireSmoothable(heads: readonly (HeadOptions & { output: string })[]): void {
  if (heads.some(({ loss, labels }) => loss.endsWith('cross_entropy') && labels !== 'none')) return;
  const learned = heads.map(({ output, loss, labels }) => `${output} by ${labels === 'none' ? 'distillation' : loss}`);
  const message = `is of cross-entropies with labels; here learn ${learned.join(', ')}`;
  const errors = [{ pointer: '/config/finetune/label_smoothing', message }];
  throw new EspalierError('CONFIG_INVALID', `finetune.label_smoothing ${message}`, { errors });
}

function requireOutput(name: string, names: readonly string[], at: string): void {
  if (names.includes(name)) return;
  const message = `the model has no output "${name}"${didYouMean(name, names) || `; it has ${names.join(', ')}`}`;
  throw new EspalierError('OUTPUT_UNKNOWN', message, { errors: [{ pointer: at, message }] });
}

/** Which labels each output has. Labels that name none are the only output's, or the only one's that the config names. */
function labelSources(
  names: readonly string[],
  labels: ReadonlyMap<string, Labels>,
  configured: readonly string[],
): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  for (const key of labels.keys()) {
    if (key !== '') {
      if (!names.includes(key)) {
        const hint = didYouMean(key, names) || `; it has ${names.join(', ')}`;
        throw new EspalierError('LABELS_INVALID', `there are labels y_${key}, and the model has no such output${hint}`);
      }
      sources.set(key, key);
      continue;
    }
    const [only, ...others] = names.length === 1 ? names : configured;
    if (only === undefined || others.length > 0) {
      const listed = names.join(', ');
      throw new EspalierError(
        'NOT_TRAINABLE',
        `labels need one output; choose one with \`outputs\`, or name the labels' arrays y_OUTPUT: ${listed}`,
        { errors: [{ pointer: '/config/outputs', message: `must name one of ${listed}` }] },
      );
    }
    sources.set(only, '');
  }
  return sources;
}

type Fed = { readonly head: Omit<HeadOptions, 'output'>; readonly target: Pick<LabelTarget, 'kind' | 'shape'> };

/** One output and the loss that is asked for. */
class Subject {
  readonly #name: string;
  /** Of one sample. */
  readonly #shape: readonly number[];
  readonly #asked: LossName;
  readonly #activation: ClosingActivation | undefined;
  /** Whether the file's last op puts channels last. */
  readonly #channelsLast: boolean;

  constructor(graph: Graph, { name, value }: GraphOutput, asked: LossName) {
    const { shape } = getSpec(graph, value);
    const extents = shape.slice(1);
    if (!isBound(extents)) {
      const found = `output ${name} has shape ${formatShape(shape)}`;
      throw new EspalierError('NOT_TRAINABLE', `${found}; its extents must be known but for the batch`);
    }
    this.#name = name;
    this.#shape = extents;
    this.#asked = asked;
    this.#activation = findClosingActivation(graph, value);
    this.#channelsLast = closesChannelsLast(graph, value);
  }

  /** Without labels the closing activation says what the output is; without one, what it is taken to choose. */
  unlabelled(choice: Choice | undefined): Omit<HeadOptions, 'output'> {
    const { axis } = this.#activation ?? {};
    if (this.#asked !== 'auto') return { loss: this.#asked, labels: 'none', ...(axis ? { classAxis: axis } : {}) };
    if (axis !== undefined) return { loss: 'cross_entropy', labels: 'none', classAxis: axis };
    if (!this.#activation && choice?.kind === 'class') {
      return { loss: 'cross_entropy', labels: 'none', classAxis: choice.axis };
    }
    return { loss: this.#areTruths ? 'binary_cross_entropy' : 'mse', labels: 'none' };
  }

  /** @param mixed labels of samples are mixed: they can't stay class numbers */
  labelled(labels: Labels, mixed: boolean): Fed {
    const loss = this.#asked === 'auto' ? this.#lossFor(labels) : this.#asked;
    if (loss === 'cross_entropy') return this.#classes(labels, mixed);
    return loss === 'binary_cross_entropy' ? this.#sides(labels, mixed) : this.#numbers(labels, loss);
  }

  /** Each element is the probability of a truth of its own. */
  get #areTruths(): boolean {
    return findOp(this.#activation?.node.op ?? '')?.probabilities === 'element';
  }

  get #elements(): number {
    return elementCount(this.#shape);
  }

  #lossFor(labels: Labels): LossKind {
    const { kind, whole, least, largest } = labels;
    const binary = whole && least >= 0 && largest <= 1;
    const perElement = elementCount(labels.shape) === this.#elements;
    const op = this.#activation?.node.op;
    if (this.#areTruths) return 'binary_cross_entropy';
    if (this.#activation?.axis !== undefined) return 'cross_entropy';
    if (this.#elements === 1) return binary && op === undefined ? 'binary_cross_entropy' : 'mse';
    if (kind === 'one_hot' && perElement) return 'cross_entropy';
    if (whole && this.#classAxis(labels) !== undefined) return 'cross_entropy';
    return binary && perElement && op === undefined ? 'binary_cross_entropy' : 'mse';
  }

  /** The axis of the output that the labels don't have. */
  #classAxis({ shape }: Labels): number | undefined {
    const { axis } = this.#activation ?? {};
    const fits = (at: number) =>
      this.#shape[at - 1] > 1 && String(wide(this.#shape.toSpliced(at - 1, 1))) === String(wide(shape));
    if (axis !== undefined) return fits(axis) ? axis : undefined;
    const rank = this.#shape.length;
    const order = this.#channelsLast ? [rank, 1] : [1, rank];
    return [...order, ...Array.from({ length: rank }, (_, i) => i + 1)].find(fits);
  }

  #classes(labels: Labels, mixed: boolean): Fed {
    const loss = 'cross_entropy';
    const places = labels.shape.length > 0;
    const whole = labels.kind === 'index' || (places && labels.whole && labels.least >= -1);
    const axis = whole ? this.#classAxis(labels) : undefined;
    if (axis !== undefined && !(labels.kind === 'one_hot' && elementCount(labels.shape) === this.#elements)) {
      const classes = this.#shape[axis - 1];
      if (labels.largest >= classes) {
        throw new EspalierError(
          'LABELS_INVALID',
          `the largest label is ${labels.largest}; the model tells ${classes} classes apart, 0 to ${classes - 1}`,
        );
      }
      const positions = this.#elements / classes;
      if (mixed && positions > 1) this.#refuseMixed();
      if (mixed)
        return { head: { loss, labels: 'one_hot', classAxis: axis }, target: { kind: 'one_hot', shape: [classes] } };
      const shape = positions === 1 ? [] : this.#shape.toSpliced(axis - 1, 1);
      return { head: { loss, labels: 'index', classAxis: axis }, target: { kind: 'index', shape } };
    }
    const probable = elementCount(labels.shape) === this.#elements && labels.least >= 0 && labels.largest <= 1;
    const dense = wide(this.#shape).length > 1;
    if (this.#elements === 1) {
      throw new EspalierError(
        'NOT_TRAINABLE',
        `output ${this.#name} has one class; cross-entropy needs two or more, binary_cross_entropy takes one`,
      );
    }
    if (!probable || (!dense && labels.kind !== 'one_hot')) throw this.#misfit(labels, loss);
    const own = this.#activation?.axis ?? (dense ? (this.#channelsLast ? this.#shape.length : 1) : undefined);
    const head = { loss, labels: 'one_hot', ...(own === undefined ? {} : { classAxis: own }) } as const;
    return { head, target: { kind: 'one_hot', shape: dense ? this.#shape : [this.#elements] } };
  }

  #sides(labels: Labels, mixed: boolean): Fed {
    const loss = 'binary_cross_entropy';
    const fits = elementCount(labels.shape) === this.#elements && labels.least >= 0 && labels.largest <= 1;
    if (fits && labels.kind === 'one_hot' && labels.shape.length === 1 && wide(this.#shape).length === 1) {
      return { head: { loss, labels: 'one_hot' }, target: { kind: 'one_hot', shape: [this.#elements] } };
    }
    if (fits) return { head: { loss, labels: 'values' }, target: { kind: 'values', shape: this.#shape } };
    const single = labels.kind === 'index' && labels.shape.length === 0 && wide(this.#shape).length === 1;
    if (!single || labels.largest >= this.#elements || this.#elements === 1) throw this.#misfit(labels, loss);
    if (mixed) return { head: { loss, labels: 'one_hot' }, target: { kind: 'one_hot', shape: [this.#elements] } };
    return { head: { loss, labels: 'index' }, target: { kind: 'index', shape: [] } };
  }

  #numbers(labels: Labels, loss: LossKind): Fed {
    if (elementCount(labels.shape) !== this.#elements) throw this.#misfit(labels, loss);
    return { head: { loss, labels: 'values' }, target: { kind: 'values', shape: this.#shape } };
  }

  #misfit({ kind, shape, least, largest, odd }: Labels, loss: LossKind): EspalierError {
    const [found, own] = [shape, this.#shape].map((s) => `[${['N', ...s].join(', ')}]`);
    const code = kind === 'one_hot' || odd ? 'LABELS_INVALID' : 'NOT_TRAINABLE';
    const elements = this.#elements;
    const numbers = elements === 1 ? 'one number' : `${elements} numbers`;
    const needs: Partial<Record<LossKind, string>> = {
      cross_entropy: odd ?? '',
      binary_cross_entropy: `it takes ${numbers} from 0 to 1 a sample${elements > 1 ? ', or one class number' : ''}`,
    };
    const need = needs[loss] ?? `it takes ${numbers} a sample`;
    const detail = need && `: ${need}`;
    return new EspalierError(
      code,
      `labels of shape ${found} from ${least} to ${largest} do not fit output ${this.#name} of shape ${own} by ${loss}${detail}`,
    );
  }

  #refuseMixed(): never {
    throw new EspalierError('CONFIG_INVALID', 'mixup takes no labels of single pixels', {
      errors: [{ pointer: '/config/finetune/augmentation/mixup', message: 'takes no labels of single pixels' }],
    });
  }
}

const wide = (shape: readonly number[]): number[] => shape.filter((extent) => extent !== 1);

/** Walks back over what keeps the layout to the op that makes it. */
function closesChannelsLast(graph: Graph, output: string): boolean {
  const made = producers(graph);
  for (let node = made.get(output); node; node = made.get(node.inputs[0])) {
    if (node.op === 'Transpose') {
      const perm = node.attrs.perm as readonly number[] | undefined;
      return perm?.[perm.length - 1] === 1;
    }
    const { batchFirst, view } = findOp(node.op) ?? {};
    const from = graph.values.get(node.inputs[0] ?? '')?.shape ?? [];
    const reshapes = view === 'same' && from.join() !== getSpec(graph, node.outputs[0]).shape.join();
    if (from.length === 0 || (batchFirst && from.length > 2) || reshapes) return false;
  }
  return false;
}

/** In words, for logs and warnings. */
export function describeHeads({ heads }: Pick<ChosenHeads, 'heads'>): string {
  return heads
    .map(({ output, loss, labels, distillation }) => {
      const from = labels === 'none' ? 'the original model' : distillation ? 'labels and the original model' : 'labels';
      return `${output} by ${loss} (${from})`;
    })
    .join(', ');
}
