import { describe, expect, test } from 'vitest';
import { UNMEASURED } from '../../../src/pipeline/measuring/score.js';
import { BestPoints } from '../../../src/pipeline/training/best-point.js';

const point = (epoch: number | null, loss: number, accuracy: number | null = null) => ({
  epoch,
  score: { ...UNMEASURED, accuracy, loss, metrics: [] },
  constants: new Map(),
});

/** What is delivered after epochs that were scored so, resumed after each of them. */
function delivered(patience: number | undefined, ...points: readonly ReturnType<typeof point>[]) {
  return deliveredOf(1000, patience, ...points);
}

/** @param samples that losses are of */
function deliveredOf(samples: number, patience: number | undefined, ...points: readonly ReturnType<typeof point>[]) {
  let best = new BestPoints(patience, samples);
  best.restart(true);
  for (const each of points) {
    if (each.epoch === null) best.start(each);
    else best.note(each);
    best = new BestPoints(patience, samples, structuredClone(best.state));
  }
  return best.best?.epoch;
}

describe('the point before training', () => {
  test.each([
    ['no lower loss', point(null, 1), [point(0, 2), point(1, 1)], null],
    ['a lower loss in the end', point(null, 1), [point(0, 2), point(1, 0.9)], undefined],
    ['a lower loss that is lost again', point(null, 1), [point(0, 0.5), point(1, 1.5)], null],
    ['a lower accuracy, though the loss is lower', point(null, 1, 0.8), [point(0, 0.5, 0.79)], null],
    ['a higher accuracy, though the loss is higher', point(null, 1, 0.8), [point(0, 1.5, 0.81)], undefined],
    ['the same accuracy, a lower loss', point(null, 1, 0.8), [point(0, 0.9, 0.8)], undefined],
  ])('%s', (_name, start, epochs, best) => {
    expect(delivered(undefined, start, ...epochs)).toBe(best);
  });

  test('a loss of few samples decides where it is clear', () => {
    expect(deliveredOf(13, undefined, point(null, 1), point(0, 1.4))).toBeUndefined();
    expect(deliveredOf(13, undefined, point(null, 1), point(0, 1.5))).toBe(null);
    expect(deliveredOf(1, undefined, point(null, 1), point(0, 2.6))).toBe(null);
    expect(deliveredOf(100, undefined, point(null, 1), point(0, 1.01))).toBe(null);
  });

  test('with a patience the best of all is kept, that one among them', () => {
    expect(delivered(2, point(null, 1), point(0, 2), point(1, 3))).toBe(null);
    expect(delivered(2, point(null, 1), point(0, 0.5), point(1, 0.7))).toBe(0);
  });

  test('before the last prune step it is of another network', () => {
    const points = new BestPoints(undefined, 1000);
    points.restart(false);
    points.start(point(null, 1));
    points.note(point(0, 2));
    expect(points.best).toBeUndefined();
    expect(points.goBack()).toBe(false);
  });

  test('what is of no use can be gone back from', () => {
    const points = new BestPoints(undefined, 1000);
    points.restart(true);
    points.start(point(null, 1));
    points.note(point(0, 0.5));
    expect(points.best).toBeUndefined();
    expect(points.goBack()).toBe(true);
    expect(points.best!.epoch).toBe(null);
  });
});
