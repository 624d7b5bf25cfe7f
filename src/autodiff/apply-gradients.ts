import { SCALAR } from './batch-pass.js';
import { times } from './losses/loss.js';
import { createOptimizer } from './optimizers/index.js';
import type { StepBuilder } from './step-builder.js';
import type { SlotBinding, StateBinding, TrainingOptions } from './training-step.js';

/** Scalar inputs of an update, made before it. */
export interface UpdateScalars {
  readonly learningRate: string;
  readonly step?: string;
  readonly averaging?: string;
}

export function addUpdateScalars(b: StepBuilder, options: TrainingOptions): UpdateScalars {
  const { usesStep } = createOptimizer(options.optimizer);
  return {
    learningRate: b.input('learning_rate', SCALAR),
    ...(usesStep ? { step: b.input('step', SCALAR) } : {}),
    ...(options.averages ? { averaging: b.input('averaging', SCALAR) } : {}),
  };
}

/**
 * Clips the gradients, lets the optimizer update the parameters, and moves the averages. Weight decay goes to parameters
 * of two axes or more, so not to biases and norms.
 * @param statistics running statistics after the step, by constant id: they are averaged as the weights are
 */
export function applyGradients(
  b: StepBuilder,
  options: TrainingOptions,
  scalars: UpdateScalars,
  gradients: ReadonlyMap<string, { readonly input: string; readonly gradient: string }>,
  statistics: ReadonlyMap<string, string>,
): { parameters: StateBinding[]; slots: SlotBinding[] } {
  b.enter('optimizer');
  const optimizer = createOptimizer(options.optimizer);
  const clip = options.clipNorm === undefined ? undefined : clipFactor(b, [...gradients.values()], options.clipNorm);
  const parameters: StateBinding[] = [];
  const slots: SlotBinding[] = [];
  const updated = new Map(statistics);
  for (const [constant, { input, gradient }] of gradients) {
    const spec = b.spec(input);
    const slotInputs = optimizer.slots.map((slot) => b.input(`${slot}/${constant}`, spec));
    const { learningRate, step } = scalars;
    const result = optimizer.update(b, {
      parameter: input,
      gradient: clip === undefined ? gradient : b.op('Mul', [gradient, clip]),
      slots: slotInputs,
      learningRate,
      ...(step === undefined ? {} : { step }),
      decays: spec.shape.length > 1,
    });
    parameters.push({ input, output: b.output(`new/${constant}`, result.parameter), constant });
    updated.set(constant, result.parameter);
    optimizer.slots.forEach((slot, i) => {
      const output = b.output(`new/${slot}/${constant}`, result.slots[i]);
      slots.push({ input: slotInputs[i], output, constant, slot, initial: 'zeros' });
    });
  }
  const { averaging } = scalars;
  if (averaging !== undefined) {
    for (const [constant, value] of updated) slots.push(average(b, constant, value, averaging));
  }
  return { parameters, slots };
}

/** average += (1 - stays)·(value - average). */
function average(b: StepBuilder, constant: string, value: string, stays: string): SlotBinding {
  const input = b.input(`average/${constant}`, b.spec(value));
  const moves = b.op('Sub', [b.scalar(1, stays), stays]);
  const moved = b.op('Add', [input, b.op('Mul', [b.op('Sub', [value, input]), moves])]);
  const output = b.output(`new/average/${constant}`, moved);
  return { input, output, constant, slot: 'average', initial: 'constant' };
}

/** min(1, most/(‖g‖ + 1e-6)) with the norm over all gradients, as `torch.nn.utils.clip_grad_norm_`. */
function clipFactor(b: StepBuilder, gradients: readonly { readonly gradient: string }[], most: number): string {
  const squares = gradients.map(({ gradient }) => {
    const axes = b.shape(gradient).map((_, axis) => axis);
    return b.op('ReduceSum', [b.op('Mul', [gradient, gradient])], { axes, keepdims: 0 });
  });
  const norm = b.op('Sqrt', [squares.reduce((sum, square) => b.op('Add', [sum, square]))]);
  const reciprocal = b.op('Reciprocal', [b.op('Add', [norm, b.scalar(1e-6, norm)])]);
  return b.op('Min', [times(b, reciprocal, most), b.scalar(1, norm)]);
}
