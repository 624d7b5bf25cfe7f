import type { Window } from '../../../graph/ops/window.js';

/** Numbers of a row and a column axis, where a window has one axis only: one row. */
const twoAxes = (values: readonly number[], row: number): [number, number] =>
  values.length === 1 ? [row, values[0]] : [values[0], values[1]];

/** The words of an es_conv_shape but for the last, `packed`; `precise` as there. */
export function convWords(
  window: Window<number>,
  x: { batch: number; channels: number; spatial: readonly number[] },
  filters: number,
  group: number,
  precise: boolean,
): number[] {
  return [
    x.batch,
    ...twoAxes(x.spatial, 1),
    x.channels,
    ...twoAxes(window.output, 1),
    filters,
    ...twoAxes(window.kernel, 1),
    ...twoAxes(window.strides, 1),
    ...twoAxes(window.dilations, 1),
    ...twoAxes(window.padsBegin, 0),
    group,
    precise ? 1 : 0,
  ];
}

/** The words of an es_pool_shape. */
export function poolWords(
  window: Window<number>,
  x: { batch: number; channels: number; spatial: readonly number[] },
  includePad: boolean,
): number[] {
  return [
    x.batch,
    ...twoAxes(x.spatial, 1),
    x.channels,
    ...twoAxes(window.output, 1),
    ...twoAxes(window.kernel, 1),
    ...twoAxes(window.strides, 1),
    ...twoAxes(window.dilations, 1),
    ...twoAxes(window.padsBegin, 0),
    ...twoAxes(window.padsEnd, 0),
    includePad ? 1 : 0,
  ];
}
