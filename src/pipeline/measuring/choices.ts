import {
  type ClosingActivation,
  countClasses,
  findClosingActivation,
  type HeadOptions,
  type LossKind,
} from '../../autodiff/index.js';
import { type Graph, type GraphOutput, getSpec, type Node, producers, type Shape } from '../../graph/graph.js';
import { findOp } from '../../graph/ops/index.js';
import type { FinetuneConfig } from '../../prune-config/index.js';

/**
 * What of an output two networks agree or disagree on. `class`: where along an axis it is largest. `side`: of a bound, each
 * element by itself. `label`: whole numbers and truths, as they are. `number`: how near.
 */
export type Choice = { readonly output: string } & (
  | { readonly kind: 'class'; readonly axis: number }
  | { readonly kind: 'side'; readonly bound: number }
  | { readonly kind: 'label' | 'number' }
);

/**
 * What each output of a network chooses: by the loss that it has with its labels, or that the config names; where nothing
 * says, by its closing activation. Where none of the outputs is told so to choose, one row of numbers that closes with a
 * layer of weights counts as scores of classes: most classifiers are exported so. Outputs that are not of single samples are
 * left out.
 */
export function choicesOf(
  graph: Graph,
  heads: readonly HeadOptions[],
  finetune: Pick<FinetuneConfig, 'loss' | 'heads'> | undefined,
): Choice[] {
  const batch = graph.inputs.length > 0 ? getSpec(graph, graph.inputs[0]).shape[0] : undefined;
  const comparable = graph.outputs.filter(({ value }) => {
    const [first] = getSpec(graph, value).shape;
    return first !== undefined && first === batch;
  });
  const told = comparable.map(({ name: output, value }): Choice | undefined => {
    const { dtype, shape } = getSpec(graph, value);
    if (dtype !== 'float32' && dtype !== 'float64') return { output, kind: 'label' };
    const activation = findClosingActivation(graph, value);
    const labelled = heads.find((head) => head.output === output && head.labels !== 'none');
    const named = finetune?.heads[output]?.loss ?? finetune?.loss ?? 'auto';
    const loss = labelled?.loss ?? (named === 'auto' ? lossOf(activation) : named);
    return loss && { output, ...CHOICES[loss](shape, activation, labelled) };
  });
  const choosing = told.some((choice) => choice !== undefined && choice.kind !== 'number');
  return comparable.map(({ name: output, value }, i) => {
    if (told[i]) return told[i];
    const { shape } = getSpec(graph, value);
    const loss = !choosing && endsInWeights(graph, value) ? 'cross_entropy' : 'mse';
    return { output, ...CHOICES[loss](shape) };
  });
}

type ChoiceOf = (shape: Shape, activation?: ClosingActivation, head?: HeadOptions) => Unnamed<Choice>;
type Unnamed<C> = C extends Choice ? Omit<C, 'output'> : never;

const asNumbers: ChoiceOf = () => ({ kind: 'number' });

const CHOICES: Readonly<Record<LossKind, ChoiceOf>> = {
  cross_entropy: (shape, activation, head) => {
    const axis = head?.classAxis ?? activation?.axis ?? onlyWideAxis(shape);
    return axis === undefined ? { kind: 'number' } : { kind: 'class', axis };
  },
  binary_cross_entropy: (shape, activation, head) => {
    const axis = head && head.labels !== 'values' ? onlyWideAxis(shape) : undefined;
    return axis === undefined ? { kind: 'side', bound: activation ? 0.5 : 0 } : { kind: 'class', axis };
  },
  mse: asNumbers,
  mae: asNumbers,
  huber: asNumbers,
};

function lossOf(activation: ClosingActivation | undefined): LossKind | undefined {
  if (!activation) return undefined;
  if (activation.axis !== undefined) return 'cross_entropy';
  return findOp(activation.node.op)?.probabilities === 'element' ? 'binary_cross_entropy' : 'mse';
}

/** Whether nothing but a bias and new shapes come after a layer of filters. */
function endsInWeights(graph: Graph, output: string): boolean {
  const made = producers(graph);
  for (let node = made.get(output); node; ) {
    const { filters, view } = findOp(node.op) ?? {};
    if (filters) return true;
    const fed = node.inputs.filter((id) => !graph.constants.has(id));
    if (fed.length !== 1 || !(node.op === 'Add' || (view && view !== 'strided'))) return false;
    node = made.get(fed[0]);
  }
  return false;
}

function onlyWideAxis(shape: Shape): number | undefined {
  const classes = countClasses(shape) ?? 1;
  return classes > 1 ? shape.indexOf(classes, 1) : undefined;
}

/** A graph with what tells its choices, and the values that do, by the outputs' names. The engine looks for the largest. */
export function askChoices(
  graph: Graph,
  choices: readonly Choice[],
): { readonly graph: Graph; readonly outputs: readonly GraphOutput[] } {
  const nodes: Node[] = [];
  const values = new Map(graph.values);
  const outputs = choices.flatMap((choice): GraphOutput[] => {
    const { output: name } = choice;
    const output = graph.outputs.find((each) => each.name === name);
    if (!output || choice.kind !== 'class') return output ? [output] : [];
    const { axis } = choice;
    const value = `largest of ${name}`;
    nodes.push({
      name: value,
      op: 'ArgMax',
      attrs: { axis, keepdims: 0 },
      inputs: [output.value],
      outputs: [value],
    });
    values.set(value, { dtype: 'int64', shape: getSpec(graph, output.value).shape.toSpliced(axis, 1) });
    return [{ name, value }];
  });
  return { graph: { ...graph, nodes: [...graph.nodes, ...nodes], values }, outputs };
}

/** How many values tell the choices for one sample. Extents that only the run knows count as one. */
export function valuesPerSample(graph: Graph, choices: readonly Choice[]): number {
  const asked = askChoices(graph, choices);
  const counts = asked.outputs.map(({ value }) => {
    const extents = getSpec(asked.graph, value).shape.slice(1);
    return extents.reduce<number>((n, extent) => n * (typeof extent === 'number' ? extent : 1), 1);
  });
  return counts.reduce((sum, n) => sum + n, 0);
}
