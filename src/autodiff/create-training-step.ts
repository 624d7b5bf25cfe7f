import type { Graph } from '../graph/graph.js';
import { addUpdateScalars, applyGradients } from './apply-gradients.js';
import { outputStatistics, passBatch } from './batch-pass.js';
import { finishStep } from './finish-step.js';
import type { TrainingOptions, TrainingStep } from './training-step.js';

/**
 * One optimizer step as a graph: batch, labels, parameters, optimizer slots and running statistics in; loss, metrics
 * and the new values of all of those out. Batch norms use the statistics of the batch, dropouts take their masks as
 * inputs.
 *
 * Constants of role `parameter` that a trained output depends on are trained, but for those of frozen layers; the others
 * are not in the bindings and stay as they are. Weight decay goes to parameters of two axes or more, so not to biases
 * and norms.
 * @throws EspalierError NOT_TRAINABLE (naming the layer or output), OUTPUT_UNKNOWN
 * @example
 * const step = createTrainingStep(graph, { loss: 'cross_entropy', labels: 'index', optimizer: { type: 'sgd',
 *   momentum: 0.9, weightDecay: 1e-4 } });
 * const results = evaluateGraph(step.graph, feeds); // feeds: every input of step.graph
 * results.get(step.lossOutput);
 */
export function createTrainingStep(graph: Graph, options: TrainingOptions): TrainingStep {
  const pass = passBatch(graph, options, 'training-step');
  const { builder: b, heads, forward, gradients, lossOutput } = pass;
  const scalars = addUpdateScalars(b, options);
  const updated = new Map([...forward.statistics].map(([constant, statistic]) => [constant, statistic.updated]));
  const { parameters, slots } = applyGradients(b, options, scalars, gradients, updated);
  const statistics = outputStatistics(pass);
  return {
    graph: finishStep(b),
    inputs: graph.inputs,
    heads,
    labels: heads[0].labels ?? '',
    ...scalars,
    parameters,
    statistics,
    slots,
    dropout: forward.dropout,
    lossOutput,
    correctOutput: heads[0].scoreOutput,
  };
}
