import type { Criterion } from './criterion.js';

/** Channels in an order that the unit's name draws: what every criterion has to be better than. */
export const RANDOM_CRITERION: Criterion = {
  name: 'random',
  about: 'an order drawn from the seed: the control that every criterion has to beat',
  needs: 'nothing',
  cost: 'nothing',
  importance: ({ name, numChannels }, source) => {
    let state = (source.seed?.() ?? 0) >>> 0;
    for (const letter of name) state = (Math.imul(state ^ letter.codePointAt(0)!, 0x01000193) + 0x9e3779b9) >>> 0;
    return Float64Array.from({ length: numChannels }, () => {
      // mulberry32
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    });
  },
  ranks: () => true,
};
