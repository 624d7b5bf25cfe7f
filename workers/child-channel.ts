import { inspect } from 'node:util';
import { isOurFault, toCodedError } from '../src/queue/coded-error.js';
import { exitWithParent } from './parent-watch.js';
import type { Parse } from './protocol.js';

/** The protocol's bound on texts. */
const LONGEST = 16_000;

/** The child's end of the channel to its worker. */
export interface ChildChannel {
  send(message: object): void;
  /** Sends the last message and exits when it is out. */
  finish(message: object): void;
  /** Sends the error, with its trace for the worker's log where it is a fault of ours, and exits. */
  fail(error: unknown): void;
}

/** Takes requests from the worker that forked this process. Ends the process when that worker is gone. */
export function openChildChannel<T>(parse: Parse<T>, onRequest: (request: T) => void): ChildChannel {
  if (process.send === undefined) throw new Error('this module is started by a worker, not by hand');
  exitWithParent(Number(process.argv[2]));
  const send = (message: object, sent: () => void = () => {}) => void process.send?.(message, undefined, {}, sent);
  const finish = (message: object) => send(message, () => process.exit(0));
  process.on('message', (raw) => {
    const request = parse(raw);
    if (request === undefined) throw new Error('the worker sent a request that is not in the protocol');
    onRequest(request);
  });
  return {
    send: (message) => send(message),
    finish,
    fail: (error) => {
      const coded = toCodedError(error);
      finish({
        type: 'error',
        error: { ...coded, message: clip(coded.message), errors: coded.errors.slice(0, 1000) },
        ...(isOurFault(coded) ? { trace: clip(inspect(error)) } : {}),
      });
    },
  };
}

export function clip(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`;
}
