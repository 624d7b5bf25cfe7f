/** A mutator's units as a config: what `GET /models/{id}/units` answers, and what can be sent back in as `mutator_cfg`. */
export interface UnitsTemplate {
  readonly type: string;
  readonly channel_unit_cfg: {
    readonly type: string;
    readonly criterion?: string;
    readonly default_args: Record<string, unknown>;
    readonly units: Readonly<Record<string, UnitTemplate>>;
  };
  readonly parse_cfg: { readonly type: string };
  readonly unprunable: readonly { layer: string; channels: number; code: string; reason: string }[];
}

export interface UnitTemplate {
  readonly init_args?: Record<string, unknown>;
  readonly channels?: {
    readonly output_related: readonly RelatedTemplate[];
    readonly input_related: readonly RelatedTemplate[];
  };
  readonly choice: number;
  readonly num_channels: number;
  readonly is_mutable: boolean;
}

/** The channels `[start, end)` of a layer. */
export interface RelatedTemplate {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}
