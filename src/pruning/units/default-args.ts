import { withDefaults } from '../../checks/index.js';
import { DefaultArgs } from '../config/schema.js';
import type { UnitArgs } from '../config/unit-config.js';

/** The arguments of units where a config says nothing else. What a plan goes by is filled in there. */
export const {
  floor: DEFAULT_FLOOR,
  cap: DEFAULT_CAP,
  ...DEFAULT_UNIT_ARGS
} = withDefaults(DefaultArgs) as UnitArgs & { readonly floor: number; readonly cap: number };
