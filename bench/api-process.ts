import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { freePort } from '../test/support/private-redis.js';

export interface ApiProcess {
  readonly url: string;
  readonly pid: number;
  /** Resident memory now, from /proc. */
  residentBytes(): number;
  /** The most there was. */
  peakBytes(): number;
  stop(): Promise<void>;
}

/** Starts the built service in a process of its own, on a free port. */
export async function startApi(env: Record<string, string>): Promise<ApiProcess> {
  const port = await freePort();
  const child = spawn(process.execPath, [new URL('../src/main.js', import.meta.url).pathname], {
    env: { PATH: process.env.PATH, PORT: String(port), ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}`;
  const exited = once(child, 'exit');
  while (
    !(await fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null) throw new Error(`the service ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const memory = (field: string) => {
    const line = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
    return Number(line![1]) * 1024;
  };
  return {
    url,
    pid: child.pid!,
    residentBytes: () => memory('VmRSS'),
    peakBytes: () => memory('VmHWM'),
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
