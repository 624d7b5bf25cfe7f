import { Socket } from 'node:net';
import { inspect } from 'node:util';
import { EspalierError } from '../src/errors.js';
import { isOurFault, toCodedError } from '../src/queue/coded-error.js';
import { fitError, fitText } from './fit.js';
import { CHANNEL_FD, encodeFrame, FrameReader, LONGEST_EVENT } from './frames.js';
import { exitWithParent } from './parent-watch.js';
import type { Parse } from './parse.js';

/** The child's end of the channel to its worker. */
export interface ChildChannel {
  /** @throws RangeError when the message is longer than an event may be */
  send(message: object): void;
  /** Sends the last message and exits when it is out. */
  finish(message: object): void;
  /**
   * Sends the error, with its trace for the worker's log where it is a fault of ours, and exits.
   * @param stumble what went wrong in our code where `error` tells it as a fault of what was read
   */
  fail(error: unknown, stumble?: unknown): void;
}

/** Takes requests from the worker that started this process. Ends the process when that worker is gone. */
export function openChildChannel<T>(parse: Parse<T>, onRequest: (request: T) => void): ChildChannel {
  const parent = Number(process.argv[2]);
  if (!Number.isInteger(parent)) throw new Error('this module is started by a worker, not by hand');
  exitWithParent(parent);
  const socket = new Socket({ fd: CHANNEL_FD, readable: true, writable: true });
  for (const end of ['end', 'error', 'close'] as const) socket.once(end, () => process.exit(1));
  const reader = new FrameReader();
  socket.on('data', (chunk: Buffer) => {
    for (const { message } of reader.push(chunk)) {
      const request = parse(message);
      if (request === undefined) throw new Error('the worker sent a request that is not in the protocol');
      onRequest(request);
    }
  });
  const finish = (message: object) => void socket.write(encodeFrame(message), () => process.exit(0));
  return {
    send: (message) => void socket.write(encodeFrame(message, LONGEST_EVENT)),
    finish,
    fail: (error, stumble) => {
      const coded = toCodedError(withoutRoom(error) ?? error);
      const fault = stumble ?? (isOurFault(coded) ? error : undefined);
      const trace = fault === undefined ? {} : { trace: fitText(inspect(fault)) };
      finish({ type: 'error', error: fitError(coded), ...trace });
    },
  };
}

/** What V8 says when a buffer can not be had: the process is at its bounds, whatever the watch on it has seen. */
function withoutRoom(error: unknown): EspalierError | undefined {
  if (!(error instanceof RangeError) || !/allocation failed/i.test(error.message)) return undefined;
  return new EspalierError('OUT_OF_MEMORY', `there is not enough memory: ${error.message}`, { cause: error });
}
