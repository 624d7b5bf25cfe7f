import { Worker } from 'node:worker_threads';

const EVERY_MS = 500;

/**
 * Ends this process within a second of its parent's end, so that no job trains for nobody. The look is taken from a
 * thread of its own: the main one may be in a long computation.
 *
 * @param parentPid the parent's, as it told us when it started us (it may be gone by now)
 */
export function exitWithParent(parentPid: number): void {
  const look = `setInterval(() => {
    if (process.ppid !== ${parentPid}) process.kill(process.pid, 'SIGKILL');
  }, ${EVERY_MS})`;
  new Worker(look, { eval: true }).unref();
}
