/** Figures of rows that differ in what was drawn alone. */
import type { Row } from '../rows/grid.js';
import type { MeasuredRow } from '../rows/measured-row.js';

export type Cell = Pick<Row, 'net' | 'kind' | 'share' | 'source' | 'samples' | 'criterion'>;

/** The rows of a cell, of one draw or of all. */
export function rowsIn(all: readonly MeasuredRow[], cell: Cell, draw?: number): MeasuredRow[] {
  const same = ({ row }: MeasuredRow) =>
    (Object.keys(cell) as (keyof Cell)[]).every((field) => row[field] === cell[field]) &&
    (draw === undefined || row.draw === draw);
  return all.filter(same);
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of a sample; undefined of less than two. */
function deviation(values: readonly number[]): number | undefined {
  if (values.length < 2) return undefined;
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}

/** In points. */
export function accuracies(rows: readonly MeasuredRow[]): number[] {
  return rows.flatMap(({ accuracy }) => (accuracy === null ? [] : 100 * accuracy));
}

/** @example spread([76.4, 76.8, 76.2]) // '76.5 ± 0.3' */
export function spread(values: readonly number[]): string {
  if (values.length === 0) return '–';
  const about = deviation(values);
  return `${mean(values).toFixed(1)}${about === undefined ? '' : ` ± ${about.toFixed(1)}`}`;
}

/** With its sign; `–` where one side is absent. */
export function gain(before: readonly number[], after: readonly number[]): string {
  if (before.length === 0 || after.length === 0) return '–';
  const points = mean(after) - mean(before);
  return `${points < 0 ? '−' : '+'}${Math.abs(points).toFixed(1)}`;
}
