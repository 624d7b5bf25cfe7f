import type { Window } from '../../../graph/ops/window.js';
import { GraphRefused } from '../../refusal.js';
import type { Fields } from '../plan/instruction.js';

interface Planes {
  readonly batch: number;
  readonly channels: number;
  readonly spatial: readonly number[];
}

/** Numbers of a row and a column axis, where a window has one axis only: one row. */
function twoAxes(values: readonly number[], row: number): [number, number] {
  if (values.length > 2) throw new GraphRefused('windows slide over one or two axes');
  return values.length === 1 ? [row, values[0]] : [values[0], values[1]];
}

/** The fields that the windows of convolutions and pools have in common. */
function windowFields({ output, kernel, strides, dilations, padsBegin }: Window<number>, x: Planes): Fields {
  const [h, w] = twoAxes(x.spatial, 1);
  const [oh, ow] = twoAxes(output, 1);
  const [kh, kw] = twoAxes(kernel, 1);
  const [sh, sw] = twoAxes(strides, 1);
  const [dh, dw] = twoAxes(dilations, 1);
  const [pt, pl] = twoAxes(padsBegin, 0);
  return { n: x.batch, h, w, c: x.channels, oh, ow, kh, kw, sh, sw, dh, dw, pt, pl };
}

/** The fields of a convolution over x, with `filters` outputs; `precise` as in kernels/contract.h. Its weights aren't packed. */
export function convFields(
  window: Window<number>,
  x: Planes,
  filters: number,
  groups: number,
  precise: boolean,
): Fields {
  return { ...windowFields(window, x), oc: filters, groups, precise: precise ? 1 : 0, packed: 0 };
}

export function poolFields(window: Window<number>, x: Planes, includePad: boolean): Fields {
  const [pb, pr] = twoAxes(window.padsEnd, 0);
  return { ...windowFields(window, x), pb, pr, count_include_pad: includePad ? 1 : 0 };
}
