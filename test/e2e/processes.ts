import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

/** A process of the built program, with its log. */
export interface RunningProcess {
  readonly child: ChildProcess;
  readonly log: readonly Record<string, unknown>[];
  /** The first log line, past or to come, that fits. Rejects when the process ends without one. */
  line(fits: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
  /** Its exit code, once it has ended by itself. */
  ended(): Promise<number | null>;
  /** Ends it by a signal and waits until it is gone. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** @param openFiles how many it may have; else as many as we */
export function startProcess(
  script: string,
  env: Record<string, string>,
  given: string[] = [],
  openFiles?: number,
): RunningProcess {
  const node = [process.execPath, resolve('dist', script), ...given];
  const limited = ['sh', '-c', `ulimit -n ${openFiles} && exec "$0" "$@"`, ...node];
  const [command, ...args] = openFiles === undefined ? node : limited;
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: Record<string, unknown>[] = [];
  const waiting = new Set<() => void>();
  const add = (text: string) => {
    log.push(text.startsWith('{') ? JSON.parse(text) : { msg: text });
    for (const look of [...waiting]) look();
  };
  createInterface({ input: child.stdout! }).on('line', add);
  createInterface({ input: child.stderr! }).on('line', add);
  const exited = once(child, 'exit');
  const tail = () => log.slice(-5).map((line) => JSON.stringify(line));
  return {
    child,
    log,
    line: (fits) =>
      new Promise((done, fail) => {
        const look = () => {
          const found = log.find(fits);
          if (!found) return;
          waiting.delete(look);
          done(found);
        };
        waiting.add(look);
        look();
        void exited.then(([code]) => fail(new Error(`${script} ended with ${code}: ${tail().join('\n')}`)));
      }),
    ended: async () => (await exited)[0],
    end: async (signal = 'SIGTERM') => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      return (await exited)[0];
    },
  };
}

export interface ServiceProcess extends RunningProcess {
  readonly url: string;
}

/** `npm start`, on a free port. */
export async function startApi(
  env: Record<string, string>,
  given: string[] = [],
  openFiles?: number,
): Promise<ServiceProcess> {
  const running = startProcess('src/main.js', { PORT: '0', LOG_LEVEL: 'info', ...env }, given, openFiles);
  const ready = await running.line(({ msg }) => msg === 'espalier is ready');
  return { ...running, url: String(ready.url) };
}

/** A folder that is removed when the test is over. */
export function temporaryFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'espalier-e2e-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
