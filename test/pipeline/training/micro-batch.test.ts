import { expect, test } from 'vitest';
import { createTrainingStep, type TrainingOptions } from '../../../src/autodiff/index.js';
import type { CompiledGraph } from '../../../src/engine/engine.js';
import { UNMEASURED } from '../../../src/pipeline/measuring/score.js';
import { BestPoints } from '../../../src/pipeline/training/best-point.js';
import { planBatch } from '../../../src/pipeline/training/micro-batch.js';
import { mixedNet } from '../../autodiff/nets.js';

const OPTIONS: TrainingOptions = {
  loss: 'cross_entropy',
  labels: 'index',
  optimizer: { type: 'sgd', momentum: 0.9, weightDecay: 0 },
};
const graph = mixedNet();
const step = createTrainingStep(graph, OPTIONS);
/** Tells what it needs as the native engine does: 1 MiB a sample. */
const telling: CompiledGraph = {
  run: async () => new Map(),
  release: async () => {},
  memoryBytes: ({ image }) => image[0] * 2 ** 20,
};
const { memoryBytes: _, ...silent } = telling;
const plan = (compiled: CompiledGraph, batch: number, limitMiB?: number, usedMiB = 0, settled?: number) =>
  planBatch(
    graph,
    OPTIONS,
    step,
    compiled,
    batch,
    limitMiB === undefined ? undefined : { limitBytes: limitMiB * 2 ** 20, usedBytes: () => usedMiB * 2 ** 20 },
    settled,
  );

test('without a limit, or below it, batches stay whole', () => {
  expect(plan(silent, 64)).toMatchObject({ batchSize: 64, microBatch: 64 });
  expect(plan(telling, 64, 1000)).toMatchObject({ microBatch: 64 });
});

test('an engine that knows what it needs is asked; parts are halved until they fit into what is left', () => {
  const tight = plan(telling, 64, 100, 60);
  expect(tight.wholeBytes).toBeGreaterThan(64 * 2 ** 20);
  expect(tight.microBatch).toBeLessThan(64);
  expect(64 % tight.microBatch).toBe(0);
  expect(tight.bytes).toBeLessThanOrEqual(tight.availableBytes!);
  expect(plan(telling, 64, 90, 60).microBatch).toBeLessThanOrEqual(tight.microBatch);
});

test('a size that has been settled stands, whatever is left by then', () => {
  const tight = plan(telling, 64, 100, 60);
  for (const usedMiB of [0, 60, 99]) {
    const { availableBytes: _, ...again } = plan(telling, 64, 100, usedMiB, tight.microBatch);
    expect(tight).toMatchObject(again);
  }
  expect(plan(telling, 64, 100, 99, 64)).toMatchObject({ microBatch: 64, bytes: tight.wholeBytes });
});

test('otherwise live values are counted, which grow with the batch', () => {
  expect(plan(silent, 512).wholeBytes).toBeGreaterThan(plan(silent, 64).wholeBytes);
  expect(plan(silent, 4096, 120).microBatch).toBeLessThan(4096);
});

test('one sample is the least, even if it will not fit', () => {
  const none = plan(silent, 5, 1);
  expect(none.microBatch).toBe(1);
  expect(none.bytes).toBeGreaterThan(none.availableBytes!);
});

const point = (epoch: number, loss: number) => ({
  epoch,
  score: { ...UNMEASURED, loss, metrics: [] },
  constants: new Map(),
});

test('early stopping counts from the last prune step on, and goes on from its state', () => {
  const stopping = new BestPoints(2, 1000);
  stopping.restart(false);
  stopping.note(point(0, 1));
  expect(stopping.best).toBeUndefined();
  stopping.restart(true);
  [3, 2, 2.5].forEach((loss, i) => {
    stopping.note(point(i + 1, loss));
  });
  expect(stopping.stopped).toBe(false);
  const resumed = new BestPoints(2, 1000, stopping.state);
  for (const each of [stopping, resumed]) {
    each.note(point(4, 2));
    expect(each.stopped).toBe(true);
    expect(each.best!.epoch).toBe(2);
  }
  const never = new BestPoints(undefined, 1000);
  never.restart(true);
  never.note(point(0, 1));
  never.note(point(1, 2));
  expect([never.stopped, never.best]).toEqual([false, undefined]);
});
