import type { Processor } from 'bullmq';
import { EspalierError } from '../src/errors.js';
import type { DatasetInspection, ModelInspection } from '../src/pipeline/contract.js';
import { toCodedError } from '../src/queue/coded-error.js';
import type { InspectionAnswer, InspectionPayload } from '../src/queue/payloads.js';
import { mebibytes } from './job-run.js';
import { logFault } from './log-fault.js';
import { parseInspectChildMessage } from './protocol.js';
import { type ChildEnding, type ChildLimits, type ChildRun, runChild } from './run-child.js';
import type { WorkerContext } from './worker-context.js';

type Inspection = ModelInspection | DatasetInspection;

/** After the API, before jobs: somebody waits for the answer. */
const INSPECTION_NICENESS = 3;

/** What it says of an upload that its child could not be done with. */
const COMPLAINTS: Readonly<Record<string, (limits: ChildLimits, ending: ChildEnding<Inspection>) => string>> = {
  memory: ({ memoryBytes }) => `reading it needs more than ${mebibytes(memoryBytes)} MiB of memory`,
  processor: ({ processorMs = 0 }) => `reading it takes more than ${processorMs / 1000} s of the processor`,
  crashed: (_, ending) => `reading it broke the reader: ${ending.type === 'crashed' ? ending.detail : ending.type}`,
};

export interface InspectionProcessor {
  readonly process: Processor<InspectionPayload, InspectionAnswer>;
  /** Kills the children; who asked hears that the service is not available. */
  stop(): void;
}

/** Reads uploads, each in a child of its own. A child that has to be killed is a fault of the upload. */
export function createInspectionProcessor(context: WorkerContext): InspectionProcessor {
  const running = new Set<ChildRun<Inspection>>();
  return {
    stop: () => {
      for (const child of running) child.stop();
    },
    process: async ({ data: { kind, upload } }) => {
      const log = context.logger.child({ inspect: kind, blob: upload.blob });
      let path: string;
      try {
        path = await context.blobs.localPath(upload.blob);
      } catch (error) {
        log.error({ err: error }, 'the upload could not be read');
        return { error: toCodedError(error) };
      }
      const child = runChild<never, Inspection>({
        entry: context.entries.inspect,
        request: { type: 'inspect', kind, path, name: upload.name, limits: context.archive },
        parse: parseInspectChildMessage,
        onEvent: () => {},
        onOutput: (stream, line) => log.info({ stream }, line),
        limits: context.limits.inspection,
        niceness: INSPECTION_NICENESS,
      });
      running.add(child);
      const ending = await child.ended;
      running.delete(child);
      if (ending.type === 'done') return { ok: ending.value };
      if (ending.type === 'error') {
        logFault(log, ending);
        return { error: ending.error };
      }
      if (ending.type === 'deadline') {
        // Most of that time it did not run: what it takes of the processor has a limit of its own.
        const seconds = context.limits.inspection.deadlineMs / 1000;
        log.warn(`${upload.name} was not read in ${seconds} s: this machine is too busy`);
        const why = `${upload.name} could not be read in ${seconds} s: the machine is busy; try again`;
        return { error: toCodedError(new EspalierError('UNAVAILABLE', why, { retryable: true })) };
      }
      const complaint = COMPLAINTS[ending.type];
      if (complaint === undefined) throw new Error('the worker was stopped');
      const message = `${upload.name}: ${complaint(context.limits.inspection, ending)}`;
      if (ending.type === 'crashed') log.error({ stderr: ending.lastWords }, message);
      else log.warn(message);
      const code = kind === 'model' ? 'MODEL_INVALID' : 'DATASET_INVALID';
      return { error: { code, message, errors: [], retryable: false } };
    },
  };
}
