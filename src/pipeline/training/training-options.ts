import type { HeadOptions, OptimizerSpec, TrainingOptions } from '../../autodiff/index.js';
import type { OptimizerConfig } from '../../prune-config/index.js';
import type { SettledFinetune } from '../feeding/settle-finetune.js';

/** A config's training as a step takes it. */
export function trainingOptions(
  { optimizer, ema_decay, clip_norm }: Pick<SettledFinetune, 'optimizer' | 'ema_decay' | 'clip_norm'>,
  heads: readonly HeadOptions[],
): TrainingOptions {
  return {
    heads,
    optimizer: optimizerOf(optimizer),
    averages: ema_decay !== undefined,
    ...(clip_norm === undefined ? {} : { clipNorm: clip_norm }),
  };
}

function optimizerOf({ learning_rate: _, weight_decay: weightDecay, ...own }: OptimizerConfig): OptimizerSpec {
  return { ...own, weightDecay };
}
