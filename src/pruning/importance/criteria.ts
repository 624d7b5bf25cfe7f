import { BN_SCALE_CRITERION } from './batch-norm-scale.js';
import {
  APOZ_CRITERION,
  AUTO_CRITERION,
  MEAN_ACTIVATION_CRITERION,
  OBS_CRITERION,
  WANDA_CRITERION,
} from './by-samples.js';
import type { Criterion } from './criterion.js';
import { FPGM_CRITERION } from './geometric-median.js';
import { L1_CRITERION } from './l1.js';
import { L2_CRITERION } from './l2.js';
import { LAMP_CRITERION } from './lamp.js';
import { RANDOM_CRITERION } from './random.js';

/** Every criterion that comes with Espalier; the first is what units take where nothing else is said. */
export const CRITERIA: readonly Criterion[] = [
  AUTO_CRITERION,
  OBS_CRITERION,
  L1_CRITERION,
  L2_CRITERION,
  FPGM_CRITERION,
  LAMP_CRITERION,
  BN_SCALE_CRITERION,
  WANDA_CRITERION,
  MEAN_ACTIVATION_CRITERION,
  APOZ_CRITERION,
  RANDOM_CRITERION,
];
