import type { Warning } from '../../contract.js';
import type { Engine } from '../../engine/index.js';
import type { Graph } from '../../graph/graph.js';
import type { Bound } from '../../pruning/index.js';
import { compareLatency, type LatencyComparison } from '../planning/latency.js';
import type { Job } from './stage.js';

/** A delivered file that is slower than was asked for by more than this is said to be. */
const SLACK = 1.07;

/**
 * Times the delivered file against the original, and warns when it is no faster, or not as fast as was asked.
 * @returns undefined when the signal stopped it
 */
export async function compareDelivered(
  { spec: { config }, listener, signal }: Job,
  engine: Engine,
  { original, delivered }: { original: Graph; delivered: Graph },
): Promise<LatencyComparison | undefined> {
  try {
    const found = await compareLatency(engine, original, delivered, signal);
    for (const warning of latencyWarnings(found, config.target?.latency)) listener.warning(warning);
    return found;
  } catch (error) {
    if (signal.aborted && error === signal.reason) return undefined;
    throw error;
  }
}

/** What a user should know of the delivered file's speed. */
export function latencyWarnings(
  { before, after, share, threads }: LatencyComparison,
  wanted: Bound | undefined,
): Warning[] {
  const warnings: Warning[] = [];
  const measured = `the delivered file takes ${ms(after.median)} for one sample, the original ${ms(before.median)} (a share of ${figures(share.median)}, 95% interval ${figures(share.interval[0])} to ${figures(share.interval[1])}, threads: ${threads})`;
  if (share.median >= 1 || after.median >= before.median) {
    const verdict = share.interval[0] > 1 ? 'is slower than' : 'is not faster than';
    warnings.push({
      code: 'NOT_FASTER',
      message: `the pruned model ${verdict} the original: ${measured}; widths that this runtime rewards may be faster: {"algorithm": {"mutator_cfg": {"channel_unit_cfg": {"default_args": {"divisor": "auto"}}}}}, or a latency target`,
    });
  }
  const missed =
    wanted !== undefined &&
    (typeof wanted === 'number' ? share.median > SLACK * wanted : after.median > SLACK * wanted.at_most);
  if (missed) {
    const asked = typeof wanted === 'number' ? `a share of ${wanted}` : `at most ${wanted.at_most} ms`;
    warnings.push({
      code: 'LATENCY_MISSED',
      message: `${asked} was asked for and measured when it was planned, but ${measured}: the machine was busy, or is`,
    });
  }
  return warnings;
}

function ms(value: number): string {
  return `${figures(value)} ms`;
}

function figures(value: number): string {
  return value.toPrecision(3);
}
