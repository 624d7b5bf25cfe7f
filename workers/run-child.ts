import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { CodedError } from '../src/queue/payloads.js';
import { CHANNEL_FD, encodeFrame, type Frame, FrameReader, LONGEST_EVENT, PULSE_FD } from './frames.js';
import { forEachLine } from './lines.js';
import type { Parse } from './parse.js';
import { processorMs, residentBytes, watchProcess } from './process-watch.js';

/** A child that has said its last word may take this long to go. */
const EXIT_MS = 5000;

/** After a child's exit, how long to wait for what it had still written to its pipes. */
const DRAIN_MS = 2000;

/** Lines of stderr that are kept for a crash. */
const LAST_WORDS = 30;

/** How often to look at what a child takes. */
const LOOK_MS = 200;

/** How often a child hears that we are alive; it waits for HOLD_MS (parent-watch.ts). */
const PULSE_MS = 2000;

/** A longer one fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What a child may find in its environment: it reads bytes of strangers, so no keys and no addresses. */
const ENVIRONMENT = [
  'PATH',
  'HOME',
  'LANG',
  'TZ',
  'TMPDIR',
  'TEMP',
  'NODE_ENV',
  'LD_LIBRARY_PATH',
  'CUDA_VISIBLE_DEVICES',
];

export interface ChildLimits {
  readonly memoryBytes: number;
  readonly deadlineMs: number;
  /** Of the processor, all threads together; absent: any. */
  readonly processorMs?: number;
  /** How long a child may take to stop by itself after a cancel. */
  readonly cancelGraceMs: number;
}

/** What a child sends: events, then a result or a coded error. */
export type ChildMessage<E, V> = E | { type: 'done'; value: V } | { type: 'error'; error: CodedError; trace?: string };

/** How a child ended. `canceled` and `stopped`: it was killed because of that; one that stops by itself is `done`. */
export type ChildEnding<V> =
  | ChildMessage<never, V>
  | { readonly type: 'memory'; readonly bytes: number }
  | { readonly type: 'deadline' }
  | { readonly type: 'processor' }
  | { readonly type: 'canceled' }
  | { readonly type: 'stopped' }
  /** There never was a process: the system had none to give, or no open files for it. */
  | { readonly type: 'not-started'; readonly detail: string }
  | Crash;

export interface Crash {
  readonly type: 'crashed';
  readonly detail: string;
  /** The last lines that it wrote to stderr. */
  readonly lastWords: readonly string[];
  /** What ended it, where that was not we. */
  readonly signal?: NodeJS.Signals;
}

export interface ChildOptions<E, V> {
  /** The child's compiled module. */
  readonly entry: URL;
  readonly request: object;
  readonly parse: Parse<ChildMessage<E, V>>;
  readonly onEvent: (event: E) => void;
  /** Every line that it prints. */
  readonly onOutput: (stream: 'stdout' | 'stderr', line: string) => void;
  readonly limits: ChildLimits;
  /** From 0 (as ours) to 19 (whenever nobody else wants the processor). */
  readonly niceness: number;
}

export interface ChildRun<V> {
  readonly pid: number | undefined;
  /** Asks it to stop and keep what it has; kills it after the grace time. */
  cancel(): void;
  /** Kills it at once: it will be run again. */
  stop(): void;
  /** Never rejects, and resolves only when the process is gone. */
  readonly ended: Promise<ChildEnding<V>>;
}

/**
 * Runs one request in a process of its own, watched for memory and time. Whatever it does,
 * `ended` resolves once.
 */
export function runChild<E extends { type: string }, V>(options: ChildOptions<E, V>): ChildRun<V> {
  const { limits } = options;
  let child: ChildProcess;
  try {
    child = start(options.entry, limits);
  } catch (error) {
    return notStarted(Promise.resolve(error as Error));
  }
  const failed = new Promise<Error>((resolve) => void child.on('error', resolve));
  // Then it may have no pipes either, and an error is on its way.
  if (child.pid === undefined) return notStarted(failed);
  const channel = child.stdio[CHANNEL_FD] as Socket;
  let ending: ChildEnding<V> | undefined;
  let heapExhausted = false;
  const lastWords: string[] = [];
  const timers: NodeJS.Timeout[] = [];

  const kill = (why: ChildEnding<V>): void => {
    ending ??= why;
    child.kill('SIGKILL');
  };
  const inMemory = (bytes: number) => kill({ type: 'memory', bytes });
  const watches = [watchProcess(child.pid, residentBytes, limits.memoryBytes, LOOK_MS, inMemory)];
  if (limits.processorMs !== undefined) {
    watches.push(watchProcess(child.pid, processorMs, limits.processorMs, LOOK_MS, () => kill({ type: 'processor' })));
  }
  timers.push(setTimeout(() => kill({ type: 'deadline' }), Math.min(limits.deadlineMs, LONGEST_TIMER_MS)));

  const take = ({ message: raw, sizeBytes }: Frame): void => {
    const message = options.parse(raw);
    if (message === undefined) throw new Error('a message is not in the protocol');
    if (message.type === 'done' || message.type === 'error') {
      ending = message as ChildEnding<V>;
      timers.push(setTimeout(() => child.kill('SIGKILL'), EXIT_MS));
    } else if (sizeBytes > LONGEST_EVENT) throw new Error(`an event has ${sizeBytes} bytes`);
    else options.onEvent(message as E);
  };
  const pulse = child.stdio[PULSE_FD] as Socket;
  pulse.on('error', () => {});
  const beat = setInterval(() => void (pulse.writable && pulse.write('.')), PULSE_MS);
  const reader = new FrameReader();
  channel.on('data', (chunk: Buffer) => {
    // After the last word, or once it is to be killed, nothing that it says counts.
    if (ending !== undefined) return;
    try {
      for (const frame of reader.push(chunk)) if (ending === undefined) take(frame);
    } catch (error) {
      kill({ type: 'crashed', detail: `it does not keep to the protocol: ${(error as Error).message}`, lastWords });
    }
  });
  // A child that is gone hears nothing; its exit tells the rest.
  channel.on('error', () => {});
  const say = (message: object): void => void (channel.writable && channel.write(encodeFrame(message)));
  forEachLine(child.stdout!, (line) => options.onOutput('stdout', line));
  forEachLine(child.stderr!, (line) => {
    heapExhausted ||= line.includes('JavaScript heap out of memory');
    lastWords.push(line);
    if (lastWords.length > LAST_WORDS) lastWords.shift();
    options.onOutput('stderr', line);
  });

  const ended = new Promise<ChildEnding<V>>((resolve) => {
    const gone = (code: number | null, signal: NodeJS.Signals | null): void => {
      clearInterval(beat);
      for (const watch of watches) watch.stop();
      for (const timer of timers) clearTimeout(timer);
      const crash: Crash =
        signal === null
          ? { type: 'crashed', detail: `it exited with code ${code} and no result`, lastWords }
          : { type: 'crashed', detail: `it was ended by ${signal}`, lastWords, signal };
      resolve(ending ?? (heapExhausted ? { type: 'memory', bytes: limits.memoryBytes } : crash));
    };
    // 'close' comes after the last message and the last line; 'exit' may come before both.
    child.once('close', gone);
    child.once('exit', (code, signal) => timers.push(setTimeout(() => gone(code, signal), DRAIN_MS)));
  });

  yieldTo(child, options.niceness);
  say(options.request);
  return {
    pid: child.pid,
    ended,
    cancel: () => {
      say({ type: 'cancel' });
      timers.push(setTimeout(() => kill({ type: 'canceled' }), limits.cancelGraceMs));
    },
    stop: () => kill({ type: 'stopped' }),
  };
}

function start(entry: URL, { memoryBytes }: ChildLimits): ChildProcess {
  const flags = [`--max-old-space-size=${Math.floor(memoryBytes / 2 ** 20)}`, '--enable-source-maps'];
  return spawn(process.execPath, [...flags, fileURLToPath(entry), String(process.pid)], {
    env: Object.fromEntries(ENVIRONMENT.flatMap((name) => (name in process.env ? [[name, process.env[name]]] : []))),
    // Not Node's own channel: what a child writes there that is no message of Node's ends the process that reads it.
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
  });
}

function notStarted<V>(failed: Promise<Error>): ChildRun<V> {
  const ended = failed.then(({ message }): ChildEnding<V> => {
    return { type: 'not-started', detail: `it could not be started: ${message}` };
  });
  return { pid: undefined, ended, cancel: () => {}, stop: () => {} };
}

/** Where the compiled module of a child is: next to this one, or in `dist/` when this one runs from source. */
export function childEntry(name: string): URL {
  const folder = import.meta.url.endsWith('.ts') ? '../dist/workers/' : './';
  return new URL(`${folder}${name}.js`, import.meta.url);
}

/** The service must answer while a job trains, and when memory runs out the kernel should take the job, not the service. */
function yieldTo(child: { readonly pid?: number | undefined }, niceness: number): void {
  if (child.pid === undefined) return;
  try {
    setPriority(child.pid, niceness);
  } catch {
    // It is gone already.
  }
  // It may be gone, or a container may not allow it: the limit on memory holds either way.
  if (process.platform === 'linux') writeFile(`/proc/${child.pid}/oom_score_adj`, '500').catch(() => {});
}
