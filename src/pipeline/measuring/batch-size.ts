import type { Graph } from '../../graph/graph.js';

const USUAL = 128;
/** Elements of one value of a batch: 128 MiB. A few of them live at a time. */
const MOST_ELEMENTS = 2 ** 25;

/** How many samples a network is measured on at once. Extents that only the run knows count as one. */
export function batchSizeFor({ values, constants }: Graph): number {
  let largest = 1;
  for (const [id, { shape }] of values) {
    if (constants.has(id)) continue;
    largest = Math.max(
      largest,
      shape.reduce<number>((n, extent) => n * (typeof extent === 'number' ? extent : 1), 1),
    );
  }
  return Math.max(1, Math.min(USUAL, Math.floor(MOST_ELEMENTS / largest)));
}
