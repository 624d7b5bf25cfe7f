import type { Target, UnitArgs, UnitConfig } from '../pruning/index.js';
import type { FilledConfig } from './filled.js';

/** A config with every alias and default resolved: what jobs run and reports repeat. JSON all through. */
export interface PruneConfig extends Omit<FilledConfig, 'finetune'> {
  readonly algorithm: {
    readonly type: string;
    readonly mutator_cfg: {
      readonly type: string;
      readonly channel_unit_cfg: {
        readonly type: string;
        readonly criterion?: string;
        readonly default_args: UnitArgs;
        readonly units: Readonly<Record<string, UnitConfig>>;
      };
      readonly parse_cfg: { readonly type: 'ChannelAnalyzer' | 'Config' | 'Predefined' };
    };
    /** Remaining share (or number, bucket, by choice_mode): one for all units, or by unit name. Excludes `target`. */
    readonly target_pruning_ratio?: number | Readonly<Record<string, number>>;
    /** The algorithm's own. */
    readonly [parameter: string]: unknown;
  };
  readonly target?: Target;
  /** Absent: no finetuning asked for (defaults apply when there is a data set; `false` turns it off). */
  readonly finetune?: FinetuneConfig | false;
}

/**
 * How raw values become model inputs. `auto`: floats as they are; integers by what the unpruned model does best on, where
 * there are labels, else divided by 255. `mean` and `std` are of raw values.
 */
export type Scaling = FilledConfig['scaling'];

/** `finetune` as the schema alone fills it in. */
export type FilledFinetune = Exclude<FilledConfig['finetune'], false | undefined>;

export type LossName = FilledFinetune['loss'];
export type AugmentationConfig = NonNullable<FilledFinetune['augmentation']>;

export type Distillation = Exclude<NonNullable<FilledFinetune['distillation']>, false>;

/** `epochs` and `distillation` are absent where the data settle them. */
export interface FinetuneConfig extends Omit<FilledFinetune, 'optimizer' | 'schedule'> {
  /** Absent where the data settle it. */
  readonly optimizer?: OptimizerConfig;
  readonly schedule: ScheduleConfig;
}

export type OptimizerConfig = { readonly learning_rate: number; readonly weight_decay: number } & (
  | { readonly type: 'sgd'; readonly momentum: number }
  | { readonly type: 'adam' | 'adamw'; readonly beta1: number; readonly beta2: number; readonly epsilon: number }
  | { readonly type: 'rmsprop'; readonly rho: number; readonly momentum: number; readonly epsilon: number }
);

export type ScheduleConfig = { readonly warmup_epochs: number } & (
  | { readonly type: 'constant' | 'cosine' }
  | { readonly type: 'step'; readonly step_size: number; readonly gamma: number }
);
