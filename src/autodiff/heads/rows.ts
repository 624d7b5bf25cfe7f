import { getExtents } from '../../graph/dims.js';
import type { StepBuilder } from '../step-builder.js';
import type { Head } from './head.js';

/** A value shaped as the head's output, as rows: `[N·positions, classes]`, or `[N, elements]`. */
export function toRows(b: StepBuilder, { classAxis, width, positions }: Head, value: string): string {
  const { length: rank } = b.shape(value);
  if (positions === 1) return rank === 2 ? value : b.op('Reshape', [value], { shape: [0, width] });
  const last = rank - 1;
  const moved = classAxis === last ? value : b.op('Transpose', [value], { perm: classesLast(rank, classAxis!) });
  return b.op('Reshape', [moved], { shape: [-1, width] });
}

/** The inverse of {@link toRows}. */
export function fromRows(b: StepBuilder, { classAxis, shape, positions }: Head, rows: string): string {
  if (shape.length === 2 && positions === 1) return rows;
  const extents = getExtents(shape.slice(1));
  if (positions === 1) return b.op('Reshape', [rows], { shape: [0, ...extents] });
  const perm = classesLast(shape.length, classAxis!);
  const ordered = perm.slice(1).map((axis) => extents[axis - 1]);
  const spread = b.op('Reshape', [rows], { shape: [-1, ...ordered] });
  const back = perm.map((_, axis) => perm.indexOf(axis));
  return back.every((axis, i) => axis === i) ? spread : b.op('Transpose', [spread], { perm: back });
}

function classesLast(rank: number, classAxis: number): number[] {
  const others = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== classAxis);
  return [...others, classAxis];
}
