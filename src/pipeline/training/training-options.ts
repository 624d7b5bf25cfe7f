import type { HeadOptions, OptimizerSpec, TrainingOptions } from '../../autodiff/index.js';
import type { FinetuneConfig } from '../../prune-config/index.js';

/** A config's training as a step takes it. */
export function trainingOptions(
  { optimizer, ema_decay, clip_norm }: Pick<FinetuneConfig, 'optimizer' | 'ema_decay' | 'clip_norm'>,
  heads: readonly HeadOptions[],
): TrainingOptions {
  return {
    heads,
    optimizer: optimizerOf(optimizer),
    averages: ema_decay !== undefined,
    ...(clip_norm === undefined ? {} : { clipNorm: clip_norm }),
  };
}

function optimizerOf({
  learning_rate: _,
  weight_decay: weightDecay,
  ...own
}: FinetuneConfig['optimizer']): OptimizerSpec {
  return { ...own, weightDecay };
}
