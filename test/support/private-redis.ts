import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A Redis of one's own, on a free port, that keeps its data over a restart. */
export interface PrivateRedis {
  readonly url: string;
  readonly port: number;
  /** Where it keeps its data. */
  readonly folder: string;
  /** Runs a command: `command('config', 'set', 'maxmemory', '1')`. */
  command(...words: string[]): string;
  /** Dies at once, as with a power cut; `start` brings it back, with its data unless that is to be lost. */
  kill(): Promise<void>;
  start(options?: { empty: boolean }): Promise<void>;
  /** Keeps its connections and answers nobody, as a machine that swaps, until it is woken. */
  freeze(): void;
  wake(): void;
  /** For good, data too. */
  stop(): Promise<void>;
}

export async function startRedis(onPort?: number): Promise<PrivateRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-redis-'));
  const port = onPort ?? (await freePort());
  let child: ChildProcess | undefined;
  const start = async ({ empty } = { empty: false }): Promise<void> => {
    if (empty) for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
    const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
    child = spawn('redis-server', [...options, '--appendonly', 'yes', '--appendfsync', 'always'], { stdio: 'ignore' });
    while (!(await answers(port))) {
      if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
    }
  };
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  const stop = async (): Promise<void> => {
    await kill();
    rmSync(folder, { recursive: true, force: true });
  };
  await start();
  const freeze = (): void => void child?.kill('SIGSTOP');
  const wake = (): void => void child?.kill('SIGCONT');
  const url = `redis://127.0.0.1:${port}`;
  const command = (...words: string[]): string =>
    execFileSync('redis-cli', ['-u', url, ...words], { encoding: 'utf8' });
  return { url, port, folder, command, kill, start, freeze, wake, stop };
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Whether Redis there has loaded its data and answers. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    const end = (ok: boolean) => {
      socket.destroy();
      if (ok) resolve(true);
      else setTimeout(() => resolve(false), 20);
    };
    socket.once('error', () => end(false));
    socket.once('data', (data) => end(data.toString().startsWith('+PONG')));
    socket.once('connect', () => socket.write('PING\r\n'));
  });
}
