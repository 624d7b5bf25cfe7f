// Generated from the schemas in src/api and src/prune-config (npm run openapi); a test holds them together.

export interface FilledConfig {
  readonly outputs?: readonly string[];
  readonly ignore: readonly string[];
  readonly allocation?: 'uniform' | 'global' | 'sensitivity';
  readonly finetune?: false | {
    readonly epochs?: number;
    readonly budget?: number;
    readonly batch_size: number;
    readonly optimizer: {
      readonly type: 'sgd' | 'adam' | 'adamw' | 'rmsprop';
      readonly learning_rate?: number;
      readonly momentum?: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly rho: number;
      readonly epsilon: number;
      readonly weight_decay?: number;
    };
    readonly schedule: {
      readonly type: 'constant' | 'step' | 'cosine';
      readonly step_size?: number;
      readonly gamma: number;
      readonly warmup_epochs: number;
    };
    readonly loss: 'auto' | 'cross_entropy' | 'binary_cross_entropy' | 'mse' | 'mae' | 'huber';
    readonly label_smoothing: number;
    readonly huber_delta: number;
    readonly heads: Readonly<Record<string, {
      readonly loss?: 'auto' | 'cross_entropy' | 'binary_cross_entropy' | 'mse' | 'mae' | 'huber';
      readonly weight: number;
    }>>;
    readonly validation_split: number;
    readonly shuffle: boolean;
    readonly distillation?: false | {
      readonly weight: number;
      readonly temperature: number;
    };
    readonly augmentation?: {
      readonly horizontal_flip: boolean;
      readonly vertical_flip: boolean;
      readonly crop_padding: number;
      readonly mixup: number;
    };
    readonly clip_norm?: number;
    readonly ema_decay?: number;
    readonly early_stopping?: {
      readonly patience: number;
    };
  };
  readonly recovery: {
    readonly method: 'auto' | 'least_squares' | 'statistics' | 'none';
    readonly samples: number;
    readonly add_biases: boolean;
  };
  readonly scaling: 'auto' | 'none' | '1/255' | {
    readonly mean: readonly number[];
    readonly std: readonly number[];
  };
  readonly controls: readonly ('random' | 'scratch')[];
  readonly counting: 'macs' | 'mmrazor';
  readonly dry_run: boolean;
  readonly seed: number;
}
