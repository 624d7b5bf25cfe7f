import type { Window } from '../graph/ops/window.js';

/** The padding behind each axis that makes every window fit, those included that `ceil_mode` adds. */
export function coveringPads(window: Window<number>, spatial: readonly number[]): number[] {
  return window.output.map((extent, i) => {
    const span = (window.kernel[i] - 1) * window.dilations[i] + 1;
    return Math.max(0, (extent - 1) * window.strides[i] + span - spatial[i] - window.padsBegin[i]);
  });
}
