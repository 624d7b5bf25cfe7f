import type { Logger } from 'pino';
import type { DatasetInspection, ModelInspection } from '../src/contract.js';
import { EspalierError } from '../src/errors.js';
import { pause } from '../src/jobs/delivery.js';
import { toCodedError } from '../src/queue/coded-error.js';
import type { CodedError, InspectionAnswer, InspectionPayload } from '../src/queue/payloads.js';
import type { Handler } from '../src/queue/work-queue.js';
import { mebibytes } from './job-run.js';
import { logFault } from './log-fault.js';
import { parseInspectChildMessage } from './protocol.js';
import { type ChildEnding, type ChildLimits, type ChildRun, type Crash, runChild } from './run-child.js';
import type { WorkerContext } from './worker-context.js';

type Inspection = ModelInspection | DatasetInspection;

/** After the API, before jobs: somebody waits for the answer. */
const INSPECTION_NICENESS = 3;

/** What it says of an upload that its child could not be done with. */
const COMPLAINTS: Readonly<Record<string, (limits: ChildLimits) => string>> = {
  memory: ({ memoryBytes }) => `reading it needs more than ${mebibytes(memoryBytes)} MiB of memory`,
  processor: ({ processorMs = 0 }) => `reading it takes more than ${processorMs / 1000} s of the processor`,
};

/** What a reader says, of itself or of a library, that the system has denied something. */
const SHORTAGE =
  /\b(EMFILE|ENFILE|ENOMEM|EAGAIN)\b|too many open files|cannot allocate memory|resource temporarily unavailable/i;

/** So long a machine has for getting over what it was short of. */
const PAUSE_MS = 500;

/** An end that says nothing of the upload yet. */
type Death = Crash | Extract<ChildEnding<Inspection>, { type: 'not-started' }>;

/**
 * Whether a child died of the machine and not of what it read. SIGKILL is what the kernel sends when memory is short:
 * to these children first.
 */
function isFaultOfMachine(death: Death): boolean {
  return (
    death.type === 'not-started' || death.signal === 'SIGKILL' || death.lastWords.some((line) => SHORTAGE.test(line))
  );
}

export interface InspectionProcessor {
  readonly process: Handler<InspectionPayload, never, InspectionAnswer>;
  /** Kills the children; who asked hears that the service is not available. */
  stop(): void;
}

/**
 * Reads uploads, each in a child of its own. A child that has to be killed is a fault of the upload; so is one that dies,
 * once a second one dies as well and neither did so of the machine.
 */
export function createInspectionProcessor(context: WorkerContext): InspectionProcessor {
  const running = new Set<ChildRun<Inspection>>();
  const stopping = new AbortController();
  const limits = context.limits.inspection;

  const read = async (request: object, deadlineMs: number, log: Logger): Promise<ChildEnding<Inspection>> => {
    if (stopping.signal.aborted) return { type: 'stopped' };
    const child = runChild<never, Inspection>({
      entry: context.entries.inspect,
      request,
      parse: parseInspectChildMessage,
      onEvent: () => {},
      onOutput: (stream, line) => log.info({ stream }, line),
      limits: { ...limits, deadlineMs },
      niceness: INSPECTION_NICENESS,
    });
    running.add(child);
    const ending = await child.ended;
    running.delete(child);
    return ending;
  };

  /** Both tries together have the time of one: who asked waits. */
  const readTwice = async (request: object, log: Logger): Promise<readonly ChildEnding<Inspection>[]> => {
    const startedMs = performance.now();
    const first = await read(request, limits.deadlineMs, log);
    if (!isDeath(first)) return [first];
    log.warn({ stderr: lastWordsOf(first) }, `the reader died: ${first.detail}; trying once more`);
    if (isFaultOfMachine(first)) await pause(PAUSE_MS, stopping.signal);
    const leftMs = Math.max(1, limits.deadlineMs - (performance.now() - startedMs));
    return [first, await read(request, leftMs, log)];
  };

  return {
    stop: () => {
      stopping.abort();
      for (const child of running) child.stop();
    },
    process: async ({ payload: { kind, upload } }) => {
      const log = context.logger.child({ inspect: kind, blob: upload.blob });
      let path: string;
      try {
        path = await context.blobs.localPath(upload.blob);
      } catch (error) {
        log.error({ err: error }, 'the upload could not be read');
        return { error: toCodedError(error) };
      }
      const request = { type: 'inspect', kind, path, name: upload.name, limits: context.archives[kind] };
      const endings = await readTwice(request, log);
      const ending = endings[endings.length - 1];
      if (ending.type === 'done') return { ok: ending.value };
      if (ending.type === 'error') {
        logFault(log, ending);
        return { error: ending.error };
      }
      if (ending.type === 'deadline') {
        // Most of that time it did not run: what it takes of the processor has a limit of its own.
        const seconds = limits.deadlineMs / 1000;
        log.warn(`${upload.name} was not read in ${seconds} s: this machine is too busy`);
        return { error: notNow(`${upload.name} could not be read in ${seconds} s: the machine is busy; try again`) };
      }
      const code = kind === 'model' ? 'MODEL_INVALID' : 'DATASET_INVALID';
      if (isDeath(ending)) {
        const byMachine = endings.some((end) => isDeath(end) && isFaultOfMachine(end));
        const message = byMachine
          ? `${upload.name} could not be read: ${ending.detail}; the machine is short of memory or of open files; try again`
          : `${upload.name}: reading it broke the reader: ${ending.detail}`;
        log.error({ stderr: lastWordsOf(ending) }, message);
        return { error: byMachine ? notNow(message) : { code, message, errors: [], retryable: false } };
      }
      const complaint = COMPLAINTS[ending.type];
      if (complaint === undefined) throw new Error('the worker was stopped');
      const message = `${upload.name}: ${complaint(limits)}`;
      log.warn(message);
      return { error: { code, message, errors: [], retryable: false } };
    },
  };
}

function isDeath(ending: ChildEnding<Inspection>): ending is Death {
  return ending.type === 'crashed' || ending.type === 'not-started';
}

function lastWordsOf(death: Death): readonly string[] {
  return death.type === 'crashed' ? death.lastWords : [];
}

function notNow(why: string): CodedError {
  return toCodedError(new EspalierError('UNAVAILABLE', why, { retryable: true }));
}
