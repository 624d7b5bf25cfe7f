import type { UnitArgs, UnitConfig } from './unit-config.js';

/** A mutator's units as a config: what `GET /models/{id}/units` answers, and what can be sent back in as `mutator_cfg`. */
export interface UnitsTemplate {
  readonly type: string;
  readonly channel_unit_cfg: {
    readonly type: string;
    readonly criterion?: string;
    readonly default_args: Partial<UnitArgs>;
    readonly units: Readonly<Record<string, UnitTemplate>>;
  };
  readonly parse_cfg: { readonly type: string };
  readonly unprunable: readonly { layer: string; channels: number; code: string; reason: string }[];
}

export interface UnitTemplate extends UnitConfig {
  readonly choice: number;
  readonly num_channels: number;
  readonly is_mutable: boolean;
}
