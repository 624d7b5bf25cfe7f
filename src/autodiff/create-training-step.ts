import { EspalierError } from '../errors.js';
import { type Graph, getSpec } from '../graph/graph.js';
import { withoutDeadCode } from './ancestors.js';
import { backpropagate } from './backward.js';
import { findClassificationHead, flattenLogits, unflattenGradient } from './classification-head.js';
import { runForward } from './forward.js';
import { addLabels, countCorrect } from './labels.js';
import { LOSSES } from './losses/index.js';
import { notTrainable } from './not-trainable.js';
import { createOptimizer } from './optimizers/index.js';
import { StepBuilder } from './step-builder.js';
import type { StateBinding, TrainingOptions, TrainingStep } from './training-step.js';

const SCALAR = { dtype: 'float32', shape: [] } as const;

/**
 * One optimizer step of a classifier as a graph: batch, labels, parameters, optimizer slots and running statistics in;
 * loss, metric and the new values of all of those out. Batch norms use the statistics of the batch, dropouts take their
 * masks as inputs.
 *
 * Constants of role `parameter` that the chosen output depends on are trained; the others are not in the bindings and
 * stay as they are. Weight decay goes to parameters of two axes or more, so not to biases and norms.
 * @throws EspalierError NOT_TRAINABLE (naming the layer or output), OUTPUT_UNKNOWN
 * @example
 * const step = createTrainingStep(graph, { loss: 'cross_entropy', labels: 'index', optimizer: { type: 'sgd',
 *   momentum: 0.9, weightDecay: 1e-4 } });
 * const results = evaluateGraph(step.graph, feeds); // feeds: every input of step.graph
 * results.get(step.lossOutput);
 */
export function createTrainingStep(graph: Graph, options: TrainingOptions): TrainingStep {
  const head = findClassificationHead(graph, options.output);
  if (head.independent) {
    throw notTrainable(
      head.independent,
      'judges each class by itself, and the loss is a cross-entropy over classes; such a model can be pruned with finetune: false',
    );
  }
  const loss = LOSSES[options.loss];
  const optimizer = createOptimizer(options.optimizer);

  const b = new StepBuilder(`${graph.name}/training-step`);
  for (const id of graph.inputs) b.modelInput(id, getSpec(graph, id));
  const labels = addLabels(b, options.labels, head);
  const learningRate = b.input('learning_rate', SCALAR);
  const step = optimizer.usesStep ? b.input('step', SCALAR) : undefined;
  b.batch = { dim: head.batch, samples: labels.samples };

  const forward = runForward(b, graph, head.logits);
  if (forward.parameters.size === 0) throw new EspalierError('NOT_TRAINABLE', 'the model has no parameters to train');

  b.enter('loss');
  const logits = flattenLogits(b, forward.value, head.classes);
  const meanLoss = b.op('ReduceMean', [loss.perSample(b, logits, labels.target)], { axes: [0], keepdims: 0 });
  const lossOutput = b.output('loss', meanLoss);
  const correctOutput = b.output('correct', countCorrect(b, logits, labels));
  const dLogits = loss.meanGradient(b, logits, labels.target, labels.samples);
  const gradients = backpropagate(b, forward, unflattenGradient(b, dLogits, forward.value));

  b.enter('optimizer');
  const parameters: StateBinding[] = [];
  const slots: (StateBinding & { slot: string })[] = [];
  for (const [constant, input] of forward.parameters) {
    const gradient = gradients.get(input);
    if (gradient === undefined) throw new EspalierError('NOT_TRAINABLE', `no gradient reaches parameter ${constant}`);
    const spec = b.spec(input);
    const slotInputs = optimizer.slots.map((slot) => b.input(`${slot}/${constant}`, spec));
    const updated = optimizer.update(b, {
      parameter: input,
      gradient,
      slots: slotInputs,
      learningRate,
      ...(step === undefined ? {} : { step }),
      decays: spec.shape.length > 1,
    });
    parameters.push({ input, output: b.output(`new/${constant}`, updated.parameter), constant });
    optimizer.slots.forEach((slot, i) => {
      const output = b.output(`new/${slot}/${constant}`, updated.slots[i]);
      slots.push({ input: slotInputs[i], output, constant, slot });
    });
  }
  const statistics = [...forward.statistics].map(([constant, { input, updated }]) => ({
    input,
    output: b.output(`new/${constant}`, updated),
    constant,
  }));

  return {
    graph: withoutDeadCode(b.build()),
    inputs: graph.inputs,
    labels: labels.input,
    learningRate,
    ...(step === undefined ? {} : { step }),
    parameters,
    statistics,
    slots,
    dropout: forward.dropout,
    lossOutput,
    correctOutput,
  };
}
