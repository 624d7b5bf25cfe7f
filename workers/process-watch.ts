import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** The kernel's clock tick towards programs, on every Linux. */
const TICK_MS = 10;

/** Reads something of a process that grows; undefined when the process is gone. */
export type Measure = (pid: number) => Promise<number | undefined>;

/**
 * Resident memory of a process in bytes. `--max-old-space-size` bounds JavaScript's heap
 * only; tensors and native engines live outside of it, so this is what counts.
 */
export const residentBytes: Measure = measure(
  async (pid) => {
    const found = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'));
    return found === null ? undefined : Number(found[1]) * 1024;
  },
  async (pid) => Number(await ps(pid, 'rss')) * 1024,
);

/** Processor time of a process in milliseconds, all threads together: a machine that is busy with others does not make it pass. */
export const processorMs: Measure = measure(
  async (pid) => {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // utime and stime, 14 and 15 of proc_pid_stat(5); the second field, a name in brackets, may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  },
  async (pid) => {
    // [[HH:]MM:]SS.ff
    const parts = (await ps(pid, 'time')).split(':').map(Number);
    return 1000 * parts.reduce((sum, part) => sum * 60 + part, 0);
  },
);

function measure(fromProc: Measure, fromPs: Measure): Measure {
  return async (pid) => {
    try {
      return process.platform === 'linux' ? await fromProc(pid) : await fromPs(pid);
    } catch {
      // The process ended between two looks.
      return undefined;
    }
  };
}

async function ps(pid: number, field: string): Promise<string> {
  const { stdout } = await promisify(execFile)('ps', ['-o', `${field}=`, '-p', String(pid)]);
  return stdout.trim();
}

/** Looks at a process until `stop`, and calls `onExceeded` once when a measure of it is above `limit`. */
export function watchProcess(
  pid: number,
  what: Measure,
  limit: number,
  everyMs: number,
  onExceeded: (found: number) => void,
): { stop(): void } {
  let stopped = false;
  const look = async (): Promise<void> => {
    const found = await what(pid);
    if (stopped) return;
    if (found !== undefined && found > limit) onExceeded(found);
    else timer = setTimeout(() => void look(), everyMs);
  };
  let timer = setTimeout(() => void look(), everyMs);
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
