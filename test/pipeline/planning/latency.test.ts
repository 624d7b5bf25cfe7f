import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Engine } from '../../../src/engine/index.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import type { Graph } from '../../../src/graph/graph.js';
import { compareLatency, type LatencyComparison } from '../../../src/pipeline/planning/latency.js';
import { latencyWarnings } from '../../../src/pipeline/stages/deliver-latency.js';

function graphNamed(name: string): Graph {
  const builder = new GraphBuilder(name);
  builder.output('y', builder.op('Relu', [builder.input('x', { dtype: 'float32', shape: ['N', 4] })]));
  return builder.build();
}

/** The clock of these tests: only runs move it. */
let nowMs = 0;
beforeEach(() => {
  nowMs = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
});
afterEach(() => vi.restoreAllMocks());

/** An engine whose runs take as many milliseconds as the graph's name says. */
function clockedEngine(onRun: (graph: string) => void = () => {}): Engine {
  return {
    name: 'clocked',
    device: 'cpu',
    threads: 3,
    compile: async ({ name }) => ({
      run: async () => {
        nowMs += Number(name);
        onRun(name);
        return new Map();
      },
      release: async () => {},
    }),
  };
}

describe('comparing two graphs', () => {
  test('the share is that of the times, with its interval, runs and threads', async () => {
    const found = await compareLatency(clockedEngine(), graphNamed('2'), graphNamed('1'));
    expect(found.before).toEqual({ median: 2, interval: [2, 2] });
    expect(found.share).toEqual({ median: 0.5, interval: [0.5, 0.5] });
    expect(found.threads).toBe(3);
    expect(found.runs).toBeGreaterThan(500);
  });

  test('graphs of minutes are run a few times, graphs of microseconds for a second and not for three', async () => {
    const slow = vi.fn();
    expect((await compareLatency(clockedEngine(slow), graphNamed('90000'), graphNamed('60000'))).runs).toBe(6);
    expect(slow).toHaveBeenCalledTimes(2 * (1 + 6));
    nowMs = 0;
    expect((await compareLatency(clockedEngine(), graphNamed('0.1'), graphNamed('0.1'))).runs).toBe(707);
    expect(nowMs).toBeLessThan(1000);
  });

  test('a signal ends it before the next turn', async () => {
    const controller = new AbortController();
    let runs = 0;
    const engine = clockedEngine(() => {
      if (++runs === 20) controller.abort(new Error('enough'));
    });
    await expect(compareLatency(engine, graphNamed('5'), graphNamed('5'), controller.signal)).rejects.toThrow('enough');
    expect(runs).toBeLessThan(28);
  });
});

describe('what is said of the delivered speed', () => {
  const comparison = (before: number, after: number, share = after / before): LatencyComparison => ({
    before: { median: before, interval: [before, before] },
    after: { median: after, interval: [after, after] },
    share: { median: share, interval: [0.99 * share, 1.01 * share] },
    runs: 70,
    threads: 2,
    engine: 'onnxruntime',
  });
  const codes = (...args: Parameters<typeof latencyWarnings>) => latencyWarnings(...args).map(({ code }) => code);

  test('slower, by the medians or by the turns, is a warning with threads and interval', () => {
    expect(codes(comparison(1, 0.8), undefined)).toEqual([]);
    expect(codes(comparison(1, 1.2), undefined)).toEqual(['NOT_FASTER']);
    expect(codes(comparison(1, 1.01, 0.99), undefined)).toEqual(['NOT_FASTER']);
    expect(codes(comparison(1, 0.99, 1.01), undefined)).toEqual(['NOT_FASTER']);
    expect(latencyWarnings(comparison(1, 1.2), undefined)[0].message).toMatch(
      /is slower than the original.*1\.20 ms.*1\.19 to 1\.21.*threads: 2/,
    );
    expect(latencyWarnings(comparison(1, 1), undefined)[0].message).toContain('is not faster than');
  });

  test('a target that the file misses by more than 7 % is a warning: shares by the share, milliseconds by the clock', () => {
    expect(codes(comparison(1, 0.62), 0.6)).toEqual([]);
    expect(codes(comparison(1, 0.65), 0.6)).toEqual(['LATENCY_MISSED']);
    expect(codes(comparison(2, 1.2), { at_most: 1 })).toEqual(['LATENCY_MISSED']);
    expect(codes(comparison(2, 1.05), { at_most: 1 })).toEqual([]);
  });
});
