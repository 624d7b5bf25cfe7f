import type { ChannelUnit } from '../../src/pruning/index.js';

/** A unit of so many channels with no layers, as the goldens of single units have them. */
export function loneUnit(numChannels: number): ChannelUnit {
  return {
    name: `unitx_${numChannels}`,
    numChannels,
    outputRelated: [],
    inputRelated: [],
    classes: Int32Array.from({ length: numChannels }, (_, i) => i),
    renormalised: false,
  };
}
