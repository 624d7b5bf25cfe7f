/**
 * Preloaded into the API (`--import`): how late its event loop comes to what is due, written to the file `LAG_FILE` at
 * each SIGUSR2, since the last one. Takes a timer every 10 ms.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

/** In milliseconds. */
export interface Lateness {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Lag {
  readonly all: Lateness;
  /** Without the time in which the thread could have run and other processes had the processors. */
  readonly own: Lateness;
  /** Share of the time in which the loop ran something. */
  readonly busy: number;
  /** Processor time of all threads over the time that went by. */
  readonly processors: number;
}

const EVERY_MS = 10;

const file = process.env.LAG_FILE;
// The service's other threads load it, too.
if (file !== undefined && isMainThread) {
  const [allUs, ownUs] = [createHistogram(), createHistogram()];
  let due = performance.now() + EVERY_MS;
  let waited = waitedMs();
  setInterval(() => {
    const [now, waitedNow] = [performance.now(), waitedMs()];
    recordLate(allUs, now - due);
    recordLate(ownUs, now - due - (waitedNow - waited));
    waited = waitedNow;
    due = performance.now() + EVERY_MS;
  }, EVERY_MS).unref();
  let since = { ms: performance.now(), loop: performance.eventLoopUtilization(), processor: process.cpuUsage() };
  process.on('SIGUSR2', () => {
    const { user, system } = process.cpuUsage(since.processor);
    const lag: Lag = {
      all: latenessOf(allUs),
      own: latenessOf(ownUs),
      busy: performance.eventLoopUtilization(since.loop).utilization,
      processors: (user + system) / 1000 / (performance.now() - since.ms),
    };
    writeFileSync(`${file}.new`, JSON.stringify(lag));
    renameSync(`${file}.new`, file);
    allUs.reset();
    ownUs.reset();
    since = { ms: performance.now(), loop: performance.eventLoopUtilization(), processor: process.cpuUsage() };
  });
}

/** What would have been due meanwhile was late as well, each by so much less. */
function recordLate(histogram: RecordableHistogram, lateMs: number): void {
  histogram.record(Math.max(1, Math.round(lateMs * 1000)));
  for (let late = lateMs - EVERY_MS; late > 0; late -= EVERY_MS) histogram.record(Math.ceil(late * 1000));
}

function latenessOf(us: RecordableHistogram): Lateness {
  return { p50: us.percentile(50) / 1000, p99: us.percentile(99) / 1000, max: us.max / 1000 };
}

/** How long the main thread waited for a processor so far. */
function waitedMs(): number {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
}
