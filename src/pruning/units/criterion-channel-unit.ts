import { EspalierError } from '../../errors.js';
import type { Reason } from '../../graph/channels.js';
import type { UnitArgs } from '../config/unit-config.js';
import {
  type Criterion,
  canRank,
  type ImportanceSource,
  requireImportances,
  type SampleMeasure,
} from '../importance/index.js';
import { type MutableChannel, SimpleMutableChannel } from '../mutables/index.js';
import { type ChannelUnit, tracerReason } from '../tracer/index.js';
import { MutableChannelUnit, ownMutable } from './mutable-channel-unit.js';

/**
 * Keeps the channels that a criterion finds most important; of equals those of lower index. The importance is taken anew
 * from the full weights whenever a choice is set, so a channel that was pruned can come back.
 */
export class CriterionChannelUnit extends MutableChannelUnit {
  readonly mutableChannel: SimpleMutableChannel;
  readonly #criterion: Criterion;

  constructor(channelUnit: ChannelUnit, criterion: Criterion, args?: UnitArgs, mutable?: MutableChannel) {
    super(channelUnit, args);
    this.#criterion = criterion;
    this.mutableChannel = ownMutable(this, SimpleMutableChannel, mutable, () => {
      return new SimpleMutableChannel(channelUnit.numChannels);
    });
  }

  override criterion(source: ImportanceSource): string {
    return this.#criterion.taken?.(this.channelUnit, source) ?? this.#criterion.name;
  }

  override get bySamples(): SampleMeasure | undefined {
    return this.#criterion.bySamples;
  }

  override unfitReason(source: ImportanceSource): Reason | undefined {
    return canRank(this.#criterion, this.channelUnit, source)
      ? undefined
      : tracerReason('NO_WEIGHTS', this.channelUnit.outputRelated.map((related) => related.name).join(', '));
  }

  /**
   * @throws EspalierError IMPORTANCE_INVALID when the criterion finds nothing to rank by (see {@link unfitReason}), or gives
   *   no finite number for a channel.
   */
  importance(source: ImportanceSource): Float64Array {
    const importance = this.#criterion.importance(this.channelUnit, source);
    try {
      if (!importance) throw new Error(`finds nothing to rank unit ${this.name} by`);
      return requireImportances(importance, this.channelUnit);
    } catch (cause) {
      throw new EspalierError('IMPORTANCE_INVALID', `criterion ${this.#criterion.name} ${(cause as Error).message}`);
    }
  }

  protected keep(count: number, source: ImportanceSource): void {
    const mask = new Uint8Array(this.numChannels);
    for (const channel of rankChannels(this.importance(source)).subarray(0, count)) mask[channel] = 1;
    this.mutableChannel.currentChoice = mask;
  }

  restoreMask(mask: Uint8Array): void {
    this.mutableChannel.currentChoice = mask;
  }
}

/** Channels from the most to the least important, of equals the lower index first. */
export function rankChannels(importance: Float64Array): Int32Array {
  return Int32Array.from(importance.keys()).sort((a, b) => importance[b] - importance[a] || a - b);
}
