/** The names that a config may use for the framework's parts. */
export interface InstalledNames {
  readonly algorithms: readonly string[];
  readonly mutators: readonly string[];
  readonly units: readonly string[];
  /** Those of `units` that rank channels by `channel_unit_cfg.criterion`. */
  readonly rankingUnits: readonly string[];
  readonly criteria: readonly string[];
}

/** What comes with Espalier; a service with plugins has more. The first of each is the default. */
export const BUILT_IN_NAMES: InstalledNames = {
  algorithms: ['IteAlgorithm'],
  mutators: ['ChannelMutator', 'OneShotChannelMutator', 'SlimmableChannelMutator'],
  units: [
    'L1ChannelUnit',
    'SequentialChannelUnit',
    'CriterionChannelUnit',
    'OneShotChannelUnit',
    'SlimmableChannelUnit',
  ],
  rankingUnits: ['CriterionChannelUnit'],
  criteria: ['l1'],
};
