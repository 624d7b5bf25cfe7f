import type { ChannelUnit } from '../tracer/channel-analysis.js';
import type { ImportanceSource } from './importance-source.js';
import { l1Importance } from './l1.js';

/**
 * By what the layers that read a channel lose without it, once their weights for the others are set anew (optimal brain surgeon,
 * Hassibi and Stork 1993), measured on samples. The L1 criterion where nothing was measured: without samples, and where no layer of
 * known weights reads the channels.
 */
export function obsImportance(unit: ChannelUnit, source: ImportanceSource): Float64Array | undefined {
  return source.losses?.(unit.name) ?? l1Importance(unit, source);
}
