import { EspalierError } from '../errors.js';
import { type Graph, getSpec, type Node } from '../graph/graph.js';
import { ancestors } from './ancestors.js';
import { backpropagate } from './backward.js';
import { SCALAR } from './batch-pass.js';
import { evaluationForm } from './evaluation-form.js';
import { finishStep } from './finish-step.js';
import { runForward } from './forward.js';
import { sumOf } from './heads/bound-head.js';
import { countSamples } from './heads/targets.js';
import { type MomentLoss, momentLoss } from './moments.js';
import { createOptimizer } from './optimizers/index.js';
import { StepBuilder } from './step-builder.js';
import type { SampleBinding, SynthesisOptions, SynthesisStep } from './synthesis-step.js';

/**
 * Whether a node is a batch norm that holds the moments of the data that its model was trained on. Means that are all 0 with
 * variances that are all 1 were never trained, or make an affine layer of the norm.
 */
export function hasRunningMoments(graph: Graph, { op, inputs }: Node): boolean {
  if (op !== 'BatchNormalization') return false;
  const [mean, variance] = inputs.slice(3).map((id) => graph.constants.get(id)?.tensor.data);
  if (!mean || !variance) return false;
  return mean.some((value) => Number(value) !== 0) || variance.some((value) => Number(value) !== 1);
}

/**
 * One step on the way to samples that look to a model's batch norms as the data that it was trained on: samples, their
 * bounds and the optimizer's slots in; the loss ({@link momentLoss}, summed over the norms), and the moved samples and slots
 * out. The model runs as it is evaluated; what comes after its last norm doesn't run.
 * @throws EspalierError NOT_TRAINABLE for a model whose norms depend on no input, or naming the layer through which no
 *   gradient flows
 * @example createSynthesisStep(graph, { optimizer: { type: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 } })
 */
export function createSynthesisStep(model: Graph, options: SynthesisOptions): SynthesisStep {
  const graph = evaluationForm(model);
  const norms = normsOfInputs(graph);
  const sources = norms.map(({ inputs: [x] }) => x);
  const read = new Set([...sources, ...ancestors(graph, sources).flatMap(({ inputs }) => inputs)]);
  const learned = graph.inputs.filter((id) => read.has(id));
  if (learned.length === 0)
    throw new EspalierError('NOT_TRAINABLE', `no batch norm of ${model.name} depends on its inputs`);

  const b = new StepBuilder(`${model.name}/synthesis-step`);
  for (const id of learned) b.modelInput(id, getSpec(graph, id));
  const bounds = learned.map((id) => boundsOf(b, id));
  const learningRate = b.input('learning_rate', SCALAR);
  b.batch = { dim: b.shape(learned[0])[0], samples: countSamples(b, learned[0]) };
  const forward = runForward(b, { ...graph, inputs: learned }, sources, learned);

  const losses = norms.map((norm, i): MomentLoss => {
    b.enter('moments', norm);
    const [mean, variance] = norm.inputs.slice(3).map((id) => heldConstant(b, graph, id));
    return momentLoss(b, norm, [forward.values[i], mean, variance]);
  });
  const seeds = losses.map(({ gradient }, i) => [forward.values[i], gradient] as const);
  const lossOutput = b.output(
    'loss',
    sumOf(
      b,
      losses.map(({ loss }) => loss),
    ),
  );
  const gradients = backpropagate(b, forward, seeds);

  b.enter('optimizer');
  const { usesStep } = createOptimizer(options.optimizer);
  const scalars = { learningRate, ...(usesStep ? { step: b.input('step', SCALAR) } : {}) };
  const samples = learned.map((id, i) =>
    moveSamples(b, options, { id, gradient: gradients.get(id), ...bounds[i] }, scalars),
  );
  return {
    graph: finishStep(b),
    samples,
    ...scalars,
    lossOutput,
    layers: norms.map(({ layer, name }) => layer ?? name),
  };
}

/** Those whose moments the inputs have a say in. */
function normsOfInputs(graph: Graph): Node[] {
  const reached = new Set(graph.inputs);
  for (const node of graph.nodes) {
    if (node.inputs.some((id) => reached.has(id))) for (const id of node.outputs) reached.add(id);
  }
  return graph.nodes.filter((node) => hasRunningMoments(graph, node) && reached.has(node.inputs[0]));
}

interface Bounds {
  readonly low: string;
  readonly high: string;
}

function boundsOf(b: StepBuilder, id: string): Bounds {
  const { dtype, shape } = b.spec(id);
  const spec = { dtype, shape: shape.map((dim, axis) => (axis === 0 ? 1 : dim)) };
  return { low: b.input(`low/${id}`, spec), high: b.input(`high/${id}`, spec) };
}

/** A constant of the model, as it stands in the step. */
function heldConstant(b: StepBuilder, graph: Graph, id: string): string {
  const { tensor, role, source } = graph.constants.get(id)!;
  return b.constant(id, tensor, role, source);
}

/** The optimizer sees the samples as shares of the distance between their bounds, so that it does the same in every range. */
function moveSamples(
  b: StepBuilder,
  { optimizer: spec }: SynthesisOptions,
  { id, gradient, low, high }: Bounds & { readonly id: string; readonly gradient: string | undefined },
  { learningRate, step }: { readonly learningRate: string; readonly step?: string },
): SampleBinding {
  if (gradient === undefined) throw new EspalierError('NOT_TRAINABLE', `no gradient reaches the input ${id}`);
  const optimizer = createOptimizer(spec);
  const width = b.op('Sub', [high, low]);
  const slotInputs = optimizer.slots.map((slot) => b.input(`${slot}/${id}`, b.spec(id)));
  const moved = optimizer.update(b, {
    parameter: id,
    gradient: b.op('Mul', [gradient, width]),
    slots: slotInputs,
    learningRate: b.op('Mul', [learningRate, width]),
    ...(step === undefined ? {} : { step }),
    decays: false,
  });
  const held = b.op('Min', [b.op('Max', [moved.parameter, low]), high]);
  const slots = optimizer.slots.map((slot, i) => ({
    input: slotInputs[i],
    output: b.output(`new/${slot}/${id}`, moved.slots[i]),
    constant: id,
    slot,
    initial: 'zeros' as const,
  }));
  return { input: id, output: b.output(`new/${id}`, held), constant: id, slots, low, high };
}
