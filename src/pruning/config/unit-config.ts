/** What a config says of units: their arguments, what they are made of, and the choice to start with. */

/** The arguments of a unit, in a config's words. */
export interface UnitArgs {
  readonly choice_mode: 'ratio' | 'number' | 'bucket';
  /** `auto`: no rounding; a plan for a target keeps what the runtime rewards. */
  readonly divisor: number | 'auto';
  readonly min_value: number;
  readonly min_ratio: number;
  readonly candidate_choices?: readonly number[];
  /** The least and the greatest share of its channels that a plan for a target leaves a unit. */
  readonly floor?: number;
  readonly cap?: number;
}

/** The channels `[start, end)` of a layer; by default as many as the unit has. */
export interface RelatedConfig {
  readonly name: string;
  readonly start?: number;
  readonly end?: number;
}

export interface UnitConfig {
  readonly init_args?: Partial<UnitArgs> & { readonly num_channels?: number };
  readonly channels?: {
    readonly output_related: readonly RelatedConfig[];
    readonly input_related: readonly RelatedConfig[];
  };
  readonly choice?: number;
  readonly num_channels?: number;
  readonly is_mutable?: boolean;
}
