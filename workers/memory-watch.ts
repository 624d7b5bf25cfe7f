import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * Resident memory of a process in bytes, or undefined when it is gone. `--max-old-space-size` bounds JavaScript's heap
 * only; tensors and native engines live outside of it, so this is what counts.
 */
export async function residentBytes(pid: number): Promise<number | undefined> {
  try {
    return process.platform === 'linux' ? await fromProc(pid) : await fromPs(pid);
  } catch {
    // The process ended between two looks.
    return undefined;
  }
}

async function fromProc(pid: number): Promise<number | undefined> {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'));
  return found === null ? undefined : Number(found[1]) * 1024;
}

async function fromPs(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout.trim()) * 1024;
}

/** Looks at a process's memory until `stop`, and calls `onExceeded` once when it holds more than `limitBytes`. */
export function watchMemory(
  pid: number,
  limitBytes: number,
  everyMs: number,
  onExceeded: (residentBytes: number) => void,
): { stop(): void } {
  let stopped = false;
  const look = async (): Promise<void> => {
    const bytes = await residentBytes(pid);
    if (stopped) return;
    if (bytes !== undefined && bytes > limitBytes) onExceeded(bytes);
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
