import { type Graph, getSpec } from '../graph/graph.js';
import { ancestors, withoutDeadCode } from './ancestors.js';
import { findClassificationHead, flattenLogits } from './classification-head.js';
import { addLabels, countCorrect } from './labels.js';
import { LOSSES } from './losses/index.js';
import { StepBuilder } from './step-builder.js';
import type { EvaluationStep, TrainingOptions } from './training-step.js';

/**
 * A classifier as it is evaluated, with the sum of its losses over a batch and how many it got right. Weights stay
 * constants, batch norms use their running statistics.
 * @throws EspalierError NOT_TRAINABLE when the output is no classification; OUTPUT_UNKNOWN
 * @example createEvaluationStep(graph, { loss: 'cross_entropy', labels: 'index' })
 */
export function createEvaluationStep(
  graph: Graph,
  options: Pick<TrainingOptions, 'loss' | 'labels' | 'output'>,
): EvaluationStep {
  const head = findClassificationHead(graph, options.output);
  const b = new StepBuilder(`${graph.name}/evaluation-step`);
  for (const id of graph.inputs) b.modelInput(id, getSpec(graph, id));
  const values = new Map(graph.inputs.map((id) => [id, id]));
  for (const [id, { tensor, role, source }] of graph.constants) values.set(id, b.constant(id, tensor, role, source));
  const read = (id: string): string => (id === '' ? '' : (values.get(id) as string));
  for (const node of ancestors(graph, [head.logits])) {
    const copy = b.copy(node, node.inputs.map(read));
    node.outputs.forEach((id, i) => {
      values.set(id, copy.outputs[i]);
    });
  }

  const labels = addLabels(b, options.labels, head);
  b.enter('loss');
  const logits = flattenLogits(b, read(head.logits), head.classes);
  const perSample = LOSSES[options.loss].perSample(b, logits, labels.target);
  const lossSumOutput = b.output('loss_sum', b.op('ReduceSum', [perSample], { axes: [0], keepdims: 0 }));
  const correctOutput = b.output('correct', countCorrect(b, logits, labels));
  return {
    graph: withoutDeadCode(b.build()),
    inputs: graph.inputs,
    labels: labels.input,
    lossSumOutput,
    correctOutput,
  };
}
