import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';

const WORK_MS = 50;
const REST_MS = 20;

/**
 * For work that takes long and never waits: one after the other, each in a turn of its own of the event loop, with a rest
 * after so much. Others are served in between; of new connections a turn takes in only one.
 * @example const turn = createTurns(); await turn(); parse(text);
 */
export function createTurns(): () => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  let workedMs = 0;
  const next = async () => {
    const start = performance.now();
    await turn();
    workedMs += performance.now() - start;
    if (workedMs < WORK_MS) return;
    await pause(REST_MS);
    workedMs = 0;
  };
  return () => {
    last = last.then(next);
    return last;
  };
}
