import { EspalierError } from '../errors.js';
import { type Graph, getSpec } from '../graph/graph.js';
import { backpropagate } from './backward.js';
import { type Forward, runForward } from './forward.js';
import { bindHeads, headGradient, headLoss, reportHead, sumOf } from './heads/bound-head.js';
import { findHeads } from './heads/head.js';
import { StepBuilder } from './step-builder.js';
import type { HeadBinding, HeadsOptions, StateBinding } from './training-step.js';

export const SCALAR = { dtype: 'float32', shape: [] } as const;

/** A batch forwards and backwards, in a step graph that is still being built. */
export interface BatchPass {
  readonly builder: StepBuilder;
  readonly heads: readonly HeadBinding[];
  readonly forward: Forward;
  readonly lossOutput: string;
  /** By constant id: the parameter's input and the gradient of the mean loss. */
  readonly gradients: ReadonlyMap<string, { readonly input: string; readonly gradient: string }>;
}

/**
 * Runs the part of a model that its heads depend on, takes their losses and differentiates the mean.
 * @param scale adds an input that the loss's gradient is multiplied by; gives its name.
 * @throws EspalierError NOT_TRAINABLE (naming the layer or output), OUTPUT_UNKNOWN
 */
export function passBatch(
  model: Graph,
  options: HeadsOptions,
  name: string,
  scale?: (b: StepBuilder) => string,
): BatchPass {
  const { graph, heads } = findHeads(model, options, true);
  const b = new StepBuilder(`${model.name}/${name}`);
  for (const id of model.inputs) b.modelInput(id, getSpec(model, id));
  const bound = bindHeads(b, heads);
  const factor = scale?.(b);

  const targets = heads.map((head) => head.value);
  const forward = runForward(b, graph, targets);
  if (forward.parameters.size === 0) {
    const frozen = [...model.constants.values()].some((constant) => constant.frozen);
    const why = frozen ? 'every layer of the model is frozen' : 'the model has no parameters to train';
    throw new EspalierError('NOT_TRAINABLE', why);
  }
  b.enter('loss');
  const values = forward.values;
  const loss = sumOf(
    b,
    bound.map((head, i) => headLoss(b, head, values[i], 'mean')),
  );
  const lossOutput = b.output('loss', loss);
  const bindings = bound.map((head, i) => reportHead(b, head, values[i], bound.length === 1));
  const seeds = bound.map((head, i) => {
    const gradient = headGradient(b, head, values[i]);
    return [values[i], factor === undefined ? gradient : b.op('Mul', [gradient, factor])] as const;
  });
  const found = backpropagate(b, forward, seeds);
  const gradients = new Map<string, { input: string; gradient: string }>();
  for (const [constant, input] of forward.parameters) {
    const gradient = found.get(input);
    if (gradient === undefined) throw new EspalierError('NOT_TRAINABLE', `no gradient reaches parameter ${constant}`);
    gradients.set(constant, { input, gradient });
  }
  return { builder: b, heads: bindings, forward, lossOutput, gradients };
}

/** Names the running statistics after this batch as outputs. */
export function outputStatistics({ builder: b, forward }: BatchPass): StateBinding[] {
  return [...forward.statistics].map(([constant, { input, updated }]) => ({
    input,
    output: b.output(`new/${constant}`, updated),
    constant,
  }));
}
