import { type AxisChannels, FIXED } from '../../graph/channels.js';
import type { ChannelAnalysis } from '../tracer/index.js';
import type { KeptAxes } from './tensor-slices.js';

/** The channels of one unit that a mask keeps. */
export interface MaskedUnit {
  /** The class of each unit channel. */
  readonly classes: Int32Array;
  readonly mask: Uint8Array;
}

/** Which channel classes stay: the masks of all units, seen from any axis of any value. */
export class ChannelSelection {
  readonly analysis: ChannelAnalysis;
  readonly #dropped: Uint8Array;

  constructor(analysis: ChannelAnalysis, units: Iterable<MaskedUnit>) {
    this.analysis = analysis;
    this.#dropped = new Uint8Array(analysis.numClasses);
    for (const { classes, mask } of units)
      classes.forEach((id, c) => {
        if (!mask[c]) this.#dropped[id] = 1;
      });
  }

  /** The indices that stay on an axis of a value, ascending; undefined when all of them do. */
  kept(value: string, axis: number): Int32Array | undefined {
    const channels = this.analysis.axes.get(value)?.[axis];
    if (channels === undefined || channels === FIXED || !this.drops(channels)) return undefined;
    const kept: number[] = [];
    for (let i = 0; i < channels.length; i++) if (!this.#dropped[channels[i]]) kept.push(i);
    return Int32Array.from(kept);
  }

  /** The indices that stay on each axis of a value. */
  keptAxes(value: string): KeptAxes {
    return (this.analysis.axes.get(value) ?? []).map((_, axis) => this.kept(value, axis));
  }

  /** An axis as a mask, one byte an index; undefined when all of them stay. */
  mask(channels: AxisChannels): Uint8Array | undefined {
    if (channels === FIXED || !this.drops(channels)) return undefined;
    return Uint8Array.from(channels, (id) => (this.#dropped[id] ? 0 : 1));
  }

  /** True when some of these classes go. */
  drops(classes: Int32Array): boolean {
    return classes.some((id) => this.#dropped[id] === 1);
  }
}
