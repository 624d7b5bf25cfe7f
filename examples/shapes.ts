/**
 * A data set made by program: ten kinds of drawn shapes with random place, size, turn, brightness and noise. Hard enough
 * that a network has to learn it, small enough to train in a minute.
 */
import { seededRandom } from '../src/data/index.js';
import type { NpyArray } from './write-npz.js';

export const SHAPE_CLASSES = [
  'disc',
  'ring',
  'square',
  'frame',
  'triangle',
  'plus',
  'cross',
  'bar',
  'crescent',
  'dots',
] as const;

export const SHAPE_SIZE = 24;

/** Whether the point (u, v), in the shape's own turned coordinates with radius 1, is ink. One row a class. */
const INK: readonly ((u: number, v: number) => boolean)[] = [
  (u, v) => u * u + v * v < 0.8,
  (u, v) => u * u + v * v < 0.9 && u * u + v * v > 0.4,
  (u, v) => Math.max(Math.abs(u), Math.abs(v)) < 0.72,
  (u, v) => Math.max(Math.abs(u), Math.abs(v)) < 0.78 && Math.max(Math.abs(u), Math.abs(v)) > 0.45,
  (u, v) => v > -0.5 && v < 0.9 - 1.6 * Math.abs(u),
  (u, v) => Math.min(Math.abs(u), Math.abs(v)) < 0.22 && Math.max(Math.abs(u), Math.abs(v)) < 0.95,
  (u, v) =>
    (Math.abs(u - v) < 0.3 || Math.abs(u + v) < 0.3) && Math.max(Math.abs(u), Math.abs(v)) < 0.8 && u > -2 * v - 1,
  (u, v) => Math.abs(u) < 0.25 && Math.abs(v) < 0.95,
  (u, v) => u * u + v * v < 0.9 && (u - 0.45) ** 2 + v * v > 0.55,
  (u, v) => (u - 0.55) ** 2 + v * v < 0.1 || (u + 0.55) ** 2 + v * v < 0.1 || u * u + (v - 0.6) ** 2 < 0.08,
];

/** `count` images, uint8 `[count, 24, 24, 1]`, and their class numbers, int32 `[count]`; classes take turns. */
export function drawShapes(count: number, seed: number): { x: NpyArray; y: NpyArray } {
  const random = seededRandom(seed);
  const size = SHAPE_SIZE;
  const x = new Uint8Array(count * size * size);
  const y = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const kind = i % SHAPE_CLASSES.length;
    y[i] = kind;
    const radius = size * (0.2 + 0.16 * random());
    const cx = size / 2 + (random() - 0.5) * (size - 2 * radius) * 0.8;
    const cy = size / 2 + (random() - 0.5) * (size - 2 * radius) * 0.8;
    const turn = (random() - 0.5) * 1.2;
    const ink = 90 + 110 * random();
    const paper = 50 * random();
    for (let r = 0; r < size; r++) {
      for (let c = 0; c < size; c++) {
        const dx = (c - cx) / radius;
        const dy = (r - cy) / radius;
        const u = dx * Math.cos(turn) + dy * Math.sin(turn);
        const v = dy * Math.cos(turn) - dx * Math.sin(turn);
        const noise = (random() + random() + random() - 1.5) * 40;
        x[(i * size + r) * size + c] = Math.max(0, Math.min(255, (INK[kind](u, v) ? ink : paper) + noise));
      }
    }
  }
  return {
    x: { dtype: 'uint8', shape: [count, size, size, 1], data: x },
    y: { dtype: 'int32', shape: [count], data: y },
  };
}
