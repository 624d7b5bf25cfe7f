import type { FinetuneConfig } from './resolved-finetune.js';

/** A config with every alias and default resolved: what jobs run and reports repeat. JSON all through. */
export interface PruneConfig {
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
    /** Epochs (with finetuning) from one prune step to the next. */
    readonly step_freq: number;
    readonly prune_times: number;
    readonly linear_schedule: boolean;
    /** Remaining share (or number, bucket, by choice_mode): one for all units, or by unit name. Excludes `target`. */
    readonly target_pruning_ratio?: number | Readonly<Record<string, number>>;
  };
  readonly target?: Target;
  /** Names of the outputs to keep; absent: all. */
  readonly outputs?: readonly string[];
  /** Globs on layer names whose channels stay. */
  readonly ignore: readonly string[];
  /** Absent: no finetuning asked for (defaults apply when there is a data set; `false` turns it off). */
  readonly finetune?: FinetuneConfig | false;
  readonly scaling: Scaling;
  readonly counting: 'macs' | 'mmrazor';
  readonly dry_run: boolean;
  readonly seed: number;
}

export interface UnitArgs {
  readonly choice_mode: 'ratio' | 'number' | 'bucket';
  readonly divisor: number;
  readonly min_value: number;
  readonly min_ratio: number;
  readonly candidate_choices?: readonly number[];
  /** The least and the greatest share of its channels that a plan for a target leaves a unit; absent: a tenth, and all. */
  readonly floor?: number;
  readonly cap?: number;
}

export interface UnitConfig {
  readonly init_args?: Partial<UnitArgs> & { readonly num_channels?: number };
  readonly channels?: {
    readonly output_related: readonly { name: string; start?: number; end?: number }[];
    readonly input_related: readonly { name: string; start?: number; end?: number }[];
  };
  readonly choice?: number;
  readonly num_channels?: number;
  readonly is_mutable?: boolean;
}

/** A share in (0, 1] of the original, or an absolute bound. */
export type Bound = number | { readonly at_most: number };

export interface Target {
  readonly macs?: Bound;
  readonly parameters?: Bound;
  readonly size?: Bound;
  readonly latency?: Bound;
  readonly peak_memory?: Bound;
  readonly max_accuracy_drop?: number;
}

/**
 * How raw values become model inputs. `auto`: floats as they are; integers by what the unpruned model does best on, where
 * there are labels, else divided by 255. `mean` and `std` are of raw values.
 */
export type Scaling = 'auto' | 'none' | '1/255' | { readonly mean: readonly number[]; readonly std: readonly number[] };
