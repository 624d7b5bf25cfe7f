import type { Graph } from '../graph/graph.js';
import { addUpdateScalars, applyGradients } from './apply-gradients.js';
import { outputStatistics, passBatch, SCALAR } from './batch-pass.js';
import { finishStep } from './finish-step.js';
import { StepBuilder } from './step-builder.js';
import type { GradientStep, TrainingOptions, UpdateStep } from './training-step.js';

/**
 * The step of {@link createTrainingStep} in two graphs, so that a batch can go through in parts that fit into memory:
 * gradients of each part are summed up, weighted by its share of the samples, then applied once. The sums are those of
 * the whole batch, but where a batch norm takes its statistics from each part.
 * @throws EspalierError NOT_TRAINABLE, OUTPUT_UNKNOWN
 */
export function createMicroSteps(
  graph: Graph,
  options: TrainingOptions,
): { readonly gradient: GradientStep; readonly update: UpdateStep } {
  return { gradient: gradientStep(graph, options), update: updateStep(graph, options) };
}

function gradientStep(graph: Graph, options: TrainingOptions): GradientStep {
  let share = '';
  const pass = passBatch(graph, options, 'gradient-step', (b) => {
    share = b.input('share', SCALAR);
    return share;
  });
  const { builder: b, heads, forward, gradients, lossOutput } = pass;
  b.enter('sums');
  const sums = [...gradients].map(([constant, { gradient }]) => {
    const input = b.input(`sum/${constant}`, b.spec(gradient));
    return { input, output: b.output(`new/sum/${constant}`, b.op('Add', [input, gradient])), constant };
  });
  const statistics = outputStatistics(pass);
  return {
    graph: finishStep(b),
    inputs: graph.inputs,
    heads,
    share,
    parameters: [...gradients].map(([constant, { input }]) => ({ input, constant })),
    statistics,
    sums,
    dropout: forward.dropout,
    lossOutput,
  };
}

function updateStep(graph: Graph, options: TrainingOptions): UpdateStep {
  const { gradients: trained, forward, builder } = passBatch(graph, options, 'update-step');
  const b = new StepBuilder(`${graph.name}/update-step`);
  const inputs = [...trained].map(([constant, { input }]) => {
    const spec = builder.spec(input);
    return [constant, { input: b.input(input, spec), gradient: b.input(`gradient/${constant}`, spec) }] as const;
  });
  const gradients = new Map(inputs);
  const averaged = options.averages ? [...forward.statistics] : [];
  const statistics = averaged.map(([constant, { input }]) => ({
    input: b.input(input, builder.spec(input)),
    constant,
  }));
  const scalars = addUpdateScalars(b, options);
  const now = new Map(statistics.map(({ constant, input }) => [constant, input]));
  const { parameters, slots } = applyGradients(b, options, scalars, gradients, now);
  return {
    graph: finishStep(b),
    ...scalars,
    parameters,
    gradients: new Map([...gradients].map(([constant, { gradient }]) => [constant, gradient])),
    statistics,
    slots,
  };
}
