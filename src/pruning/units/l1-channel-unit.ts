import type { UnitArgs } from '../config/unit-config.js';
import { L1_CRITERION } from '../importance/index.js';
import type { MutableChannel } from '../mutables/index.js';
import type { ChannelUnit } from '../tracer/index.js';
import { CriterionChannelUnit } from './criterion-channel-unit.js';

/** Keeps the channels of greatest mean absolute weight (see `l1Importance`). */
export class L1ChannelUnit extends CriterionChannelUnit {
  constructor(channelUnit: ChannelUnit, args?: UnitArgs, mutable?: MutableChannel) {
    super(channelUnit, L1_CRITERION, args, mutable);
  }
}
