import type { RelatedChannels } from './channel-analysis.js';
import type { ChannelSlot } from './channel-slots.js';

/** Where every class ended up: its unit, and its index in that unit; -1 for classes that no layer owns. */
export interface UnitIndex {
  readonly unit: Int32Array;
  readonly channel: Int32Array;
}

/** A stretch of a slot's axis. */
export interface Segment {
  readonly start: number;
  readonly end: number;
}

/** A slot's axis cut where the unit changes or its channels start over: the stretches of each unit, in order. */
export function segmentsByUnit(classes: Int32Array, index: UnitIndex): Map<number, Segment[]> {
  const segments = new Map<number, Segment[]>();
  for (let start = 0, end = 0; start < classes.length; start = end) {
    const unit = index.unit[classes[start]];
    let last = index.channel[classes[start]];
    for (end = start + 1; end < classes.length && index.unit[classes[end]] === unit; end++) {
      const channel = index.channel[classes[end]];
      if (channel < last) break;
      last = channel;
    }
    const own = segments.get(unit);
    if (own) own.push({ start, end });
    else segments.set(unit, [{ start, end }]);
  }
  return segments;
}

/**
 * A slot's entries in the list of a unit that has these segments of it: one for each, as the original lists grouped convolutions; but one in all
 * where a flattened axis repeats the channels more often than their makers do (a channels-last flatten, say).
 */
export function relatedChannels(
  slot: ChannelSlot,
  segments: readonly Segment[],
  index: UnitIndex,
  numChannels: number,
  repeats: number,
): RelatedChannels[] {
  const flattened = slot.rank === 2 && segments.length > repeats;
  const groups = flattened ? [segments] : segments.map((segment) => [segment]);
  return groups.map((parts) => {
    const { offsets, indices } = invert(slot.classes, index, numChannels, parts);
    return {
      name: slot.layer,
      start: parts[0].start,
      end: parts[parts.length - 1].end,
      node: slot.node,
      passThrough: slot.passThrough,
      offsets,
      indices,
    };
  });
}

/** For each unit channel, the positions in the segments that hold it, ascending (compressed rows). */
function invert(
  classes: Int32Array,
  index: UnitIndex,
  numChannels: number,
  segments: readonly Segment[],
): { offsets: Int32Array; indices: Int32Array } {
  const offsets = new Int32Array(numChannels + 1);
  for (const { start, end } of segments) {
    for (let i = start; i < end; i++) offsets[index.channel[classes[i]] + 1]++;
  }
  for (let c = 0; c < numChannels; c++) offsets[c + 1] += offsets[c];
  const next = offsets.slice(0, numChannels);
  const indices = new Int32Array(offsets[numChannels]);
  for (const { start, end } of segments) {
    for (let i = start; i < end; i++) indices[next[index.channel[classes[i]]]++] = i;
  }
  return { offsets, indices };
}
