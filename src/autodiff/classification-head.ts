import { EspalierError } from '../errors.js';
import { dimProduct, formatShape } from '../graph/dims.js';
import { type Dim, type Graph, type GraphOutput, getSpec, type Node, producers, type Shape } from '../graph/graph.js';
import { intAttr } from '../graph/ops/attributes.js';
import { positiveAxis } from './rules/reshaping.js';
import type { StepBuilder } from './step-builder.js';

/** Where a model's class scores are. */
export interface ClassificationHead {
  /** The output's own activation, where it is one that judges each class by itself: no cross-entropy over classes fits. */
  readonly independent?: Node;
  /** Value of the model that holds the logits, `[N, classes]` but for axes of 1. */
  readonly logits: string;
  readonly classes: number;
  readonly batch: Dim;
}

/** Ops after which the class scores are the same scores in the same order, while there is one axis of classes. */
const ORDER_KEEPING: ReadonlySet<string> = new Set(['Identity', 'Flatten', 'Reshape', 'Transpose', 'Dropout']);
const NORMALISING: ReadonlySet<string> = new Set(['Softmax', 'LogSoftmax']);
const INDEPENDENT: ReadonlySet<string> = new Set(['Sigmoid', 'HardSigmoid', 'Tanh']);

/**
 * Finds the logits of a classifier. A closing softmax (also one before a closing reshape) is left out; an output
 * without one is taken for logits.
 * @param output the graph output to take; may be left out when there is one only
 * @throws EspalierError OUTPUT_UNKNOWN; NOT_TRAINABLE when it isn't clear which output is meant, or when it has not the
 *   shape of a classification into two classes or more.
 */
export function findClassificationHead(graph: Graph, output?: string): ClassificationHead {
  const chosen = chooseOutput(graph, output);
  const { shape, dtype } = getSpec(graph, chosen.value);
  const classes = countClasses(shape);
  if (classes === undefined || dtype !== 'float32') {
    const found = `is ${dtype} ${formatShape(shape)}`;
    throw new EspalierError(
      'NOT_TRAINABLE',
      `output ${chosen.name} ${found}; a classification is float32 [N, classes]`,
    );
  }
  if (classes < 2) {
    const found = `has shape ${formatShape(shape)}: one class`;
    throw new EspalierError('NOT_TRAINABLE', `output ${chosen.name} ${found}; cross-entropy needs two or more`);
  }
  const logits = beforeSoftmax(graph, chosen.value, classes);
  const maker = producers(graph).get(logits);
  const independent = maker && INDEPENDENT.has(maker.op) ? { independent: maker } : {};
  return { logits, classes, batch: shape[0], ...independent };
}

function chooseOutput(graph: Graph, name: string | undefined): GraphOutput {
  const names = graph.outputs.map((o) => o.name).join(', ');
  if (name === undefined) {
    if (graph.outputs.length === 1) return graph.outputs[0];
    throw new EspalierError('NOT_TRAINABLE', `the model has several outputs, choose one to train: ${names}`);
  }
  const found = graph.outputs.find((o) => o.name === name);
  if (!found) throw new EspalierError('OUTPUT_UNKNOWN', `no output is named ${name}; there are: ${names}`);
  return found;
}

/** Classes of a value `[N, 1…, classes, 1…]`; undefined for any other shape. */
function countClasses(shape: Shape): number | undefined {
  const rest = shape.slice(1);
  if (rest.length === 0 || rest.some((dim) => typeof dim !== 'number')) return undefined;
  return rest.filter((dim) => dim !== 1).length <= 1 ? dimProduct(rest).coefficient : undefined;
}

function beforeSoftmax(graph: Graph, value: string, classes: number): string {
  const made = producers(graph);
  const batch = getSpec(graph, value).shape[0];
  const ordered = (id: string): boolean => {
    const { shape } = getSpec(graph, id);
    return shape[0] === batch && countClasses(shape) === classes;
  };
  for (let node = made.get(value); node && ordered(node.inputs[0]); node = made.get(node.inputs[0])) {
    if (NORMALISING.has(node.op)) return isOverClasses(graph, node, classes) ? node.inputs[0] : value;
    if (!ORDER_KEEPING.has(node.op)) return value;
  }
  return value;
}

function isOverClasses(graph: Graph, node: Node, classes: number): boolean {
  const { shape } = getSpec(graph, node.inputs[0]);
  const axis = positiveAxis(intAttr(node, 'axis', -1), shape.length);
  return axis > 0 && shape[axis] === classes;
}

/** The logits as `[N, classes]`. */
export function flattenLogits(b: StepBuilder, logits: string, classes: number): string {
  return b.shape(logits).length === 2 ? logits : b.op('Reshape', [logits], { shape: [0, classes] });
}

/** A gradient of flattened logits in the shape of the logits. */
export function unflattenGradient(b: StepBuilder, gradient: string, logits: string): string {
  const [, ...rest] = b.shape(logits);
  return rest.length === 1 ? gradient : b.op('Reshape', [gradient], { shape: [0, ...(rest as number[])] });
}
