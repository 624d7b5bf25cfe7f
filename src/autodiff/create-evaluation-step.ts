import { type Graph, type GraphOutput, getSpec } from '../graph/graph.js';
import { ancestors } from './ancestors.js';
import { finishStep } from './finish-step.js';
import { bindHeads, headLoss, reportHead, sumOf } from './heads/bound-head.js';
import { findHeads, headsOf } from './heads/head.js';
import { StepBuilder } from './step-builder.js';
import type { EvaluationStep, HeadOptions, HeadsOptions, TeacherStep } from './training-step.js';

/**
 * A model as it is evaluated, with the sums of its losses and metrics over a batch. Weights stay constants, batch norms
 * use their running statistics. Labels are taken as they are; the original's outputs count only where there are none.
 * @param carried values of the model that come out beside the sums, as `carried` of the step says
 * @throws EspalierError NOT_TRAINABLE when an output has not the shape that its loss needs; OUTPUT_UNKNOWN
 * @example createEvaluationStep(graph, { loss: 'cross_entropy', labels: 'index' })
 */
export function createEvaluationStep(
  graph: Graph,
  options: HeadsOptions,
  carried: readonly GraphOutput[] = [],
): EvaluationStep {
  const judged = headsOf(options).map(asJudged);
  const { graph: extended, heads } = findHeads(graph, { heads: judged }, false);
  const b = new StepBuilder(`${graph.name}/evaluation-step`);
  const read = copyModel(
    b,
    extended,
    [...heads, ...carried].map(({ value }) => value),
  );
  const bound = bindHeads(b, heads);
  b.enter('loss');
  const losses = bound.map((head) => headLoss(b, head, read(head.head.value), 'sum'));
  const lossSumOutput = b.output('loss_sum', sumOf(b, losses));
  const bindings = bound.map((head) => reportHead(b, head, read(head.head.value), bound.length === 1));
  const outputs = carried.map(({ name, value }) => ({ name, output: b.output(`carried/${name}`, read(value)) }));
  return {
    graph: finishStep(b),
    inputs: graph.inputs,
    heads: bindings,
    labels: bindings[0].labels ?? '',
    lossSumOutput,
    correctOutput: bindings[0].scoreOutput,
    carried: outputs,
  };
}

/**
 * The model as it teaches: what each head's loss takes (logits, or numbers), in evaluation mode.
 * @throws EspalierError NOT_TRAINABLE, OUTPUT_UNKNOWN
 */
export function createTeacherStep(graph: Graph, options: HeadsOptions): TeacherStep {
  const { graph: extended, heads } = findHeads(graph, options, false);
  const b = new StepBuilder(`${graph.name}/teacher`);
  const read = copyModel(
    b,
    extended,
    heads.map((head) => head.value),
  );
  // A model's output may be named like a value of the step.
  const outputs = new Map(heads.map((head) => [head.name, b.output(head.name, read(head.value))]));
  return { graph: finishStep(b), inputs: graph.inputs, outputs };
}

/** What makes training go well is no part of the score. */
function asJudged(head: HeadOptions): HeadOptions {
  if (head.labels === 'none') return head;
  const { distillation: _, labelSmoothing: __, ...judged } = head;
  return judged;
}

/** Writes what `targets` depend on into a step graph, weights as constants; gives the step's value of a model's. */
function copyModel(b: StepBuilder, graph: Graph, targets: readonly string[]): (id: string) => string {
  for (const id of graph.inputs) b.modelInput(id, getSpec(graph, id));
  const values = new Map(graph.inputs.map((id) => [id, id]));
  for (const [id, { tensor, role, source }] of graph.constants) values.set(id, b.constant(id, tensor, role, source));
  const read = (id: string): string => (id === '' ? '' : (values.get(id) as string));
  for (const node of ancestors(graph, targets)) {
    const copy = b.copy(node, node.inputs.map(read));
    node.outputs.forEach((id, i) => {
      values.set(id, copy.outputs[i]);
    });
  }
  return read;
}
