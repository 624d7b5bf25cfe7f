import type { RelatedChannels } from './channel-analysis.js';
import type { ChannelSlot } from './channel-slots.js';
import type { UnitIndex } from './unit-extraction.js';

interface Segment {
  readonly start: number;
  readonly end: number;
}

/** The stretches of a slot's axis that hold the unit's channels, cut where the unit changes or its channels start over. */
export function segmentsOf(classes: Int32Array, index: UnitIndex, unit: number): Segment[] {
  const segments: Segment[] = [];
  let start = -1;
  for (let i = 0; i <= classes.length; i++) {
    const inUnit = i < classes.length && index.unit[classes[i]] === unit;
    const startsOver = inUnit && start >= 0 && index.channel[classes[i]] < index.channel[classes[i - 1]];
    if (start >= 0 && (!inUnit || startsOver)) {
      segments.push({ start, end: i });
      start = -1;
    }
    if (inUnit && start < 0) start = i;
  }
  return segments;
}

/**
 * A slot's entries in a unit's list: one for each segment, as the original lists grouped convolutions; but one in all
 * where a flattened axis repeats the channels more often than their makers do (a channels-last flatten, say).
 */
export function relatedChannels(
  slot: ChannelSlot,
  index: UnitIndex,
  unit: number,
  numChannels: number,
  repeats: number,
): RelatedChannels[] {
  const segments = segmentsOf(slot.classes, index, unit);
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
