import type { FinetuneInput } from './finetune-schema.js';
import type { FinetuneConfig, OptimizerConfig, ScheduleConfig } from './resolved-finetune.js';

type Report = (at: string, message: string) => void;

/** Fills in the defaults that finetune-schema.ts names, and reports fields that don't go together. */
export function resolveFinetune(f: FinetuneInput, report: Report): FinetuneConfig {
  const epochs = f.epochs ?? 6;
  const { distillation, augmentation, early_stopping: stopping } = f;
  const losses = [f.loss, ...Object.values(f.heads ?? {}).map((head) => head.loss)];
  // As an echoed config has it, the default goes with any loss.
  if ((f.huber_delta ?? 1) !== 1 && !losses.includes('huber')) {
    report('/finetune/huber_delta', 'is of the loss "huber", which nothing here learns by');
  }
  return {
    epochs,
    batch_size: f.batch_size ?? 64,
    optimizer: resolveOptimizer(f.optimizer ?? {}, report),
    schedule: resolveSchedule(f.schedule ?? {}, epochs, report),
    loss: f.loss ?? 'auto',
    label_smoothing: f.label_smoothing ?? 0,
    huber_delta: f.huber_delta ?? 1,
    heads: Object.fromEntries(
      Object.entries(f.heads ?? {}).map(([name, head]) => [name, { ...head, weight: head.weight ?? 1 }]),
    ),
    validation_split: f.validation_split ?? 0.1,
    shuffle: f.shuffle ?? true,
    ...(distillation && {
      distillation: { weight: distillation.weight ?? 0.5, temperature: distillation.temperature ?? 2 },
    }),
    ...(augmentation && {
      augmentation: {
        horizontal_flip: augmentation.horizontal_flip ?? false,
        vertical_flip: augmentation.vertical_flip ?? false,
        crop_padding: augmentation.crop_padding ?? 0,
        mixup: augmentation.mixup ?? 0,
      },
    }),
    ...(f.clip_norm !== undefined && { clip_norm: f.clip_norm }),
    ...(f.ema_decay !== undefined && { ema_decay: f.ema_decay }),
    ...(stopping && { early_stopping: { patience: stopping.patience ?? 3 } }),
  };
}

type OptimizerInput = NonNullable<FinetuneInput['optimizer']>;
type Own = 'momentum' | 'beta1' | 'beta2' | 'rho' | 'epsilon';

const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7 } as const;

/** Each optimizer's own fields with their defaults; another's are errors. */
const OPTIMIZERS: Readonly<Record<OptimizerConfig['type'], Partial<Readonly<Record<Own, number>>>>> = {
  sgd: { momentum: 0.9 },
  adam: ADAM,
  adamw: ADAM,
  rmsprop: { rho: 0.9, momentum: 0, epsilon: 1e-7 },
};

function resolveOptimizer(o: OptimizerInput, report: Report): OptimizerConfig {
  const type = o.type ?? 'sgd';
  const defaults = OPTIMIZERS[type];
  for (const field of ['momentum', 'beta1', 'beta2', 'rho', 'epsilon'] as const) {
    if (o[field] !== undefined && !(field in defaults)) report(`/finetune/optimizer/${field}`, `"${type}" has none`);
  }
  const own = Object.fromEntries(Object.entries(defaults).map(([field, value]) => [field, o[field as Own] ?? value]));
  return {
    type,
    learning_rate: o.learning_rate ?? (type === 'sgd' ? 0.01 : 0.001),
    ...own,
    weight_decay: o.weight_decay ?? (type === 'adamw' ? 0.01 : 0),
  } as OptimizerConfig;
}

function resolveSchedule(s: NonNullable<FinetuneInput['schedule']>, epochs: number, report: Report): ScheduleConfig {
  const warmup_epochs = s.warmup_epochs ?? 0;
  if (warmup_epochs >= epochs && warmup_epochs > 0) {
    report('/finetune/schedule/warmup_epochs', `must be below the ${epochs} epochs, found ${warmup_epochs}`);
  }
  const type = s.type ?? 'cosine';
  if (type === 'step') {
    if (s.step_size === undefined) report('/finetune/schedule/step_size', 'is needed, since type is "step"');
    return { type, step_size: s.step_size ?? 1, gamma: s.gamma ?? 0.1, warmup_epochs };
  }
  for (const field of ['step_size', 'gamma'] as const) {
    if (s[field] !== undefined) report(`/finetune/schedule/${field}`, `"${type}" has none`);
  }
  return { type, warmup_epochs };
}
