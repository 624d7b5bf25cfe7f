import { EspalierError } from '../src/errors.js';
import type { JobListener, JobRunner, JobSpec } from '../src/pipeline/contract.js';
import { type ChildChannel, clip, openChildChannel } from './child-channel.js';
import { CANCELED } from './job-run.js';
import { type JobEvent, parseJobRequest } from './protocol.js';
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
    await writeResult(spec.outDir, outcome);
    channel.finish({ type: 'done', value: outcome });
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
      send({
        type: 'metric',
        name,
        value,
        ...(step === undefined ? {} : { step }),
        ...(epoch === undefined ? {} : { epoch }),
      });
    },
    warning: ({ code, message }) => send({ type: 'warning', code, message: clip(message) }),
    log: (message, fields) =>
      send({
        type: 'log',
        message: clip(message),
        ...(fields === undefined ? {} : { fields: structuredFields(fields) }),
      }),
  };
}

/** What a log line may carry over a pipe and into JSON. */
function structuredFields(fields: Record<string, unknown>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(fields));
}
