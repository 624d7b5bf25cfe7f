import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { EspalierError } from '../../errors.js';

/** How long a body may take. */
export interface BodyPace {
  /** For all of it. */
  readonly deadlineMs: number;
  /** Bytes a second, over each window. */
  readonly floorBytes: number;
  readonly windowMs: number;
}

const WINDOW_MS = 15_000;

/** What cut off the body of a request: whoever was reading it hears only that it ended too early. */
const faults = new WeakMap<FastifyRequest, EspalierError>();

export function findBodyFault(request: FastifyRequest): EspalierError | undefined {
  return faults.get(request);
}

/**
 * Cuts off bodies that come too slowly: each holds a socket, and an upload a file. Where the service itself does not
 * keep up with what has come, the clock stands still.
 */
export function useBodyPace(app: FastifyInstance, pace: Omit<BodyPace, 'windowMs'> & Partial<BodyPace>): void {
  const { deadlineMs, floorBytes, windowMs = WINDOW_MS } = pace;
  app.addHook('onRequest', (request, reply, done) => {
    const { headers } = request.raw;
    if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) {
      watch(request, reply, { deadlineMs, floorBytes, windowMs });
    }
    done();
  });
}

function watch(request: FastifyRequest, reply: FastifyReply, { deadlineMs, floorBytes, windowMs }: BodyPace): void {
  const { raw } = request;
  const { socket } = raw;
  const least = Math.ceil((floorBytes * windowMs) / 1000);
  let seen = socket.bytesRead;
  const cutOff = (detail: string): void => {
    stop();
    if (raw.complete) return;
    const fault = new EspalierError('REQUEST_TIMEOUT', detail);
    faults.set(request, fault);
    // What is still to come is read by nobody.
    reply.header('connection', 'close');
    if (raw.listenerCount('error') > 0) raw.emit('error', fault);
    else socket.destroy();
  };
  const look = setInterval(() => {
    const came = socket.bytesRead - seen;
    seen = socket.bytesRead;
    if (raw.complete) stop();
    else if (came < least && raw.readableLength === 0) {
      cutOff(`${came} bytes of the body came in ${windowMs / 1000} s; at least ${floorBytes} a second are needed`);
    }
  }, windowMs);
  const deadline = setTimeout(() => cutOff(`the body did not come within ${deadlineMs / 1000} s`), deadlineMs);
  const stop = (): void => {
    clearInterval(look);
    clearTimeout(deadline);
  };
  raw.once('end', stop);
  raw.once('close', stop);
  // What comes after the answer is dropped, with bounds of its own (early-answers.ts).
  reply.raw.once('finish', stop);
}
