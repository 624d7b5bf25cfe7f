import { Worker } from 'node:worker_threads';
import { HOLD_MS, PULSE_FD } from './frames.js';

const EVERY_MS = 500;

/**
 * Ends this process within a second of its parent's end, so that no job trains for nobody, and once its parent stands
 * still: it writes a byte every few seconds, and after HOLD_MS another may have the job, with which two runs would share its
 * checkpoints. The look is taken from a thread of its own: the main one may be in a long computation.
 *
 * @param parentPid the parent's, as it told us when it started us (it may be gone by now)
 */
export function exitWithParent(parentPid: number): void {
  const look = `
    let heard = performance.now();
    let looked = heard;
    const pulse = new (require('node:net').Socket)({ fd: ${PULSE_FD} });
    pulse.on('error', () => {}).on('data', () => { heard = performance.now(); });
    setInterval(() => {
      const now = performance.now();
      // It was this process that stood still: what came meanwhile is heard after this look.
      if (now - looked > ${10 * EVERY_MS}) heard = now;
      looked = now;
      if (process.ppid !== ${parentPid} || now - heard > ${HOLD_MS}) process.kill(process.pid, 'SIGKILL');
    }, ${EVERY_MS})`;
  new Worker(look, { eval: true }).unref();
}
