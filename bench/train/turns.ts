import { setTimeout as sleep } from 'node:timers/promises';
import { median } from './median.js';

/** Threads of a side that has had its turn go on spinning: OpenMP's for 200 ms, others for less. */
const REST_MS = 300;

/** That count, of each turn. */
const RUNS = 2;

/** One side of a comparison: runs so often, and gives the milliseconds of each run. */
export type Side = (runs: number) => Promise<number[]>;

/**
 * The median time of each side. They run in turns, so that whatever else the machine does falls on all of them. Before each
 * turn the machine rests, and the turn's first run, which wakes threads and finds the caches of another, is left out.
 */
export async function takeTurns<Name extends string>(
  sides: ReadonlyMap<Name, Side>,
  rounds: number,
): Promise<Map<Name, number>> {
  const times = new Map([...sides.keys()].map((name) => [name, [] as number[]]));
  for (const run of sides.values()) await run(RUNS);
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of sides) {
      await sleep(REST_MS);
      const [, ...counted] = await run(1 + RUNS);
      times.get(name)!.push(...counted);
    }
  }
  return new Map([...times].map(([name, all]) => [name, median(all)]));
}
