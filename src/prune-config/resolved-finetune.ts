/** A config's `finetune` with every default in place. */

export type LossName = 'auto' | 'cross_entropy' | 'binary_cross_entropy' | 'mse' | 'mae' | 'huber';

export type OptimizerConfig = { readonly learning_rate: number; readonly weight_decay: number } & (
  | { readonly type: 'sgd'; readonly momentum: number }
  | { readonly type: 'adam' | 'adamw'; readonly beta1: number; readonly beta2: number; readonly epsilon: number }
  | { readonly type: 'rmsprop'; readonly rho: number; readonly momentum: number; readonly epsilon: number }
);

/**
 * Learning rate over epochs. `step`: times gamma every `step_size` epochs. `cosine`: down to 0 at the end. Before, it
 * rises from 0 for `warmup_epochs`.
 */
export type ScheduleConfig = { readonly warmup_epochs: number } & (
  | { readonly type: 'constant' }
  | { readonly type: 'step'; readonly step_size: number; readonly gamma: number }
  | { readonly type: 'cosine' }
);

export interface AugmentationConfig {
  readonly horizontal_flip: boolean;
  readonly vertical_flip: boolean;
  /** Pixels on each side. */
  readonly crop_padding: number;
  /** Both parameters of the Beta distribution that shares are drawn from; 0: none. */
  readonly mixup: number;
}

export interface FinetuneConfig {
  readonly epochs: number;
  readonly batch_size: number;
  readonly optimizer: OptimizerConfig;
  readonly schedule: ScheduleConfig;
  readonly loss: LossName;
  readonly label_smoothing: number;
  readonly huber_delta: number;
  /** By output name. */
  readonly heads: Readonly<Record<string, { readonly loss?: LossName; readonly weight: number }>>;
  /** Share of the training samples that is held out when the data set has no validation part. */
  readonly validation_split: number;
  readonly shuffle: boolean;
  readonly distillation?: { readonly weight: number; readonly temperature: number };
  readonly augmentation?: AugmentationConfig;
  readonly clip_norm?: number;
  readonly ema_decay?: number;
  readonly early_stopping?: { readonly patience: number };
}
