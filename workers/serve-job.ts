import type { JobEvent, JobListener, JobRunner, JobSpec } from '../src/contract.js';
import { EspalierError } from '../src/errors.js';
import { type ChildChannel, openChildChannel } from './child-channel.js';
import { fitOutcome, fitText } from './fit.js';
import { CANCELED } from './job-run.js';
import { parseJobRequest } from './protocol.js';
import { writeResult } from './result-file.js';

/** The life of a job's child: waits for one spec, runs it, reports, writes `result.json`, exits. */
export function serveJob(run: JobRunner): void {
  const abort = new AbortController();
  const channel = openChildChannel(parseJobRequest, (request) => {
    if (request.type === 'cancel') abort.abort(new EspalierError('CANCELED', 'the job was canceled'));
    else void runToEnd(run, request.spec, channel, abort.signal);
  });
}

async function runToEnd(run: JobRunner, spec: JobSpec, channel: ChildChannel, signal: AbortSignal): Promise<void> {
  try {
    const outcome = await run(spec, listenerOf(channel), signal).catch((error: unknown) => {
      if (signal.aborted && error === signal.reason) return CANCELED;
      throw error;
    });
    const fitted = fitOutcome(outcome);
    await writeResult(spec.outDir, fitted);
    channel.finish({ type: 'done', value: fitted });
  } catch (error) {
    channel.fail(error);
  }
}

function listenerOf(channel: ChildChannel): JobListener {
  const send = (event: JobEvent) => channel.send(event);
  return {
    phase: (phase) => send({ type: 'phase', phase }),
    progress: (progress) => send({ type: 'progress', progress }),
    metric: ({ name, value, step, epoch }) => {
      // JSON has no NaN, and a chart no place for it; the log has.
      if (!Number.isFinite(value))
        return send({ type: 'log', message: `${name} is ${value}`, fields: { step, epoch } });
      send({ type: 'metric', name, value, step, epoch });
    },
    warning: ({ code, message }) => send({ type: 'warning', code, message: fitText(message) }),
    log: (message, fields) =>
      send({ type: 'log', message: fitText(message), fields: fields && structuredFields(fields) }),
  };
}

/** Of the fields of one log line, as JSON. */
const LONGEST_FIELDS = 16_000;

/** What a log line may carry over a pipe and into JSON. */
function structuredFields(fields: Record<string, unknown>): Record<string, unknown> {
  const text = JSON.stringify(fields);
  return text.length <= LONGEST_FIELDS ? JSON.parse(text) : { left_out: `fields of ${text.length} characters` };
}
