import { EspalierError } from '../../errors.js';
import { formatShape, getExtent, isBound } from '../../graph/dims.js';
import { type Dim, type Graph, type GraphOutput, getSpec, type Node, type Shape } from '../../graph/graph.js';
import { findOp } from '../../graph/ops/index.js';
import { elementCount } from '../../graph/tensor.js';
import { notTrainable } from '../not-trainable.js';
import type { HeadOptions, HeadsOptions } from '../training-step.js';
import { type ClosingActivation, countClasses, findClosingActivation } from './closing-activation.js';

/** An output as its loss takes it. */
export interface Head {
  /** Of the output. */
  readonly name: string;
  readonly options: HeadOptions;
  /** Value of the (extended) model that the loss takes: logits, or numbers; shaped as the output. */
  readonly value: string;
  readonly shape: Shape;
  readonly batch: Dim;
  /** Axis of classes; absent for losses of single elements. */
  readonly classAxis?: number;
  /** Classes, or elements of a sample. */
  readonly width: number;
  /** Places of one sample that are classified, or 1. */
  readonly positions: number;
}

export interface ModelWithHeads {
  /** The model, and what rearranges logits as the model rearranges what it makes of them. */
  readonly graph: Graph;
  readonly heads: readonly Head[];
}

export const headsOf = (options: HeadsOptions): readonly HeadOptions[] =>
  'heads' in options ? options.heads : [options];

/**
 * Finds what the losses of a model's outputs take. A softmax before a cross-entropy over classes, and a sigmoid before
 * a binary one, are passed by (also when a transpose or reshape closes the model).
 * @param training an evaluation also takes scores that no cross-entropy over classes fits.
 * @throws EspalierError OUTPUT_UNKNOWN; NOT_TRAINABLE when it isn't clear which output is meant, or when it has not the
 *   shape that its loss needs.
 */
export function findHeads(model: Graph, options: HeadsOptions, training: boolean): ModelWithHeads {
  const heads: Head[] = [];
  let graph = model;
  for (const head of headsOf(options)) {
    const output = chooseOutput(model, head.output);
    const { dtype, shape } = getSpec(model, output.value);
    if (dtype !== 'float32') {
      throw new EspalierError('NOT_TRAINABLE', `output ${output.name} is ${dtype} ${formatShape(shape)}, not float32`);
    }
    const activation = findClosingActivation(model, output.value);
    const layout =
      head.loss === 'cross_entropy'
        ? classLayout(output, shape, head, activation, training)
        : elementLayout(output, shape, head);
    const stripped = activation && strips(head, activation, layout.classAxis) ? activation : undefined;
    const extended = stripped ? withoutActivation(graph, output.value, stripped) : { graph, value: output.value };
    graph = extended.graph;
    heads.push({ name: output.name, options: head, value: extended.value, shape, batch: shape[0], ...layout });
  }
  return { graph, heads };
}

/** The output of a name, or the only one. @throws EspalierError OUTPUT_UNKNOWN, NOT_TRAINABLE */
export function chooseOutput(graph: Graph, name: string | undefined): GraphOutput {
  const names = graph.outputs.map((o) => o.name).join(', ');
  if (name === undefined) {
    if (graph.outputs.length === 1) return graph.outputs[0];
    throw new EspalierError('NOT_TRAINABLE', `the model has several outputs, choose one to train: ${names}`);
  }
  const found = graph.outputs.find((o) => o.name === name);
  if (!found) throw new EspalierError('OUTPUT_UNKNOWN', `no output is named ${name}; there are: ${names}`);
  return found;
}

type Layout = Pick<Head, 'classAxis' | 'width' | 'positions'>;

function classLayout(
  { name }: GraphOutput,
  shape: Shape,
  { classAxis }: HeadOptions,
  activation: ClosingActivation | undefined,
  training: boolean,
): Layout {
  const axis = classAxis ?? activation?.axis ?? onlyWideAxis(shape);
  const extents = shape.slice(1);
  if (axis === undefined || !isBound(extents)) {
    const found = `is float32 ${formatShape(shape)}`;
    throw new EspalierError('NOT_TRAINABLE', `output ${name} ${found}; a classification is float32 [N, classes]`);
  }
  const width = getExtent(shape, axis);
  if (width < 2) {
    const found = `has shape ${formatShape(shape)}: one class`;
    throw new EspalierError('NOT_TRAINABLE', `output ${name} ${found}; cross-entropy needs two or more`);
  }
  if (training && activation && findOp(activation.node.op)?.probabilities !== 'axis') {
    throw notTrainable(
      activation.node,
      'judges each class by itself, and the loss is a cross-entropy over classes; binary_cross_entropy fits it',
    );
  }
  return { classAxis: axis, width, positions: elementCount(extents) / width };
}

function onlyWideAxis(shape: Shape): number | undefined {
  const classes = countClasses(shape);
  return classes === undefined ? undefined : shape.indexOf(classes, 1);
}

function elementLayout({ name }: GraphOutput, shape: Shape, { loss }: HeadOptions): Layout {
  const extents = shape.slice(1);
  if (!isBound(extents)) {
    const found = `has shape ${formatShape(shape)}`;
    throw new EspalierError('NOT_TRAINABLE', `output ${name} ${found}; ${loss} needs known extents but for the batch`);
  }
  return { width: elementCount(extents), positions: 1 };
}

function strips({ loss }: HeadOptions, { node, axis }: ClosingActivation, classAxis: number | undefined): boolean {
  const { probabilities } = findOp(node.op) ?? {};
  if (loss === 'cross_entropy') return probabilities === 'axis' && axis === classAxis;
  return loss === 'binary_cross_entropy' && probabilities === 'element';
}

/** The model with a copy of the tail that reads what the activation reads. */
function withoutActivation(
  graph: Graph,
  output: string,
  { node, tail }: ClosingActivation,
): { graph: Graph; value: string } {
  if (tail.length === 0) return { graph, value: node.inputs[0] };
  const values = new Map(graph.values);
  const copies: Node[] = [];
  let value = node.inputs[0];
  for (const original of tail) {
    const name = `${original.name}/logits of ${output}`;
    values.set(name, getSpec(graph, original.outputs[0]));
    copies.push({ ...original, name, inputs: [value, ...original.inputs.slice(1)], outputs: [name] });
    value = name;
  }
  return { graph: { ...graph, nodes: [...graph.nodes, ...copies], values }, value };
}
