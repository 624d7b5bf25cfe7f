import { type Logger, pino } from 'pino';

/**
 * The log of a process: one JSON object a line on standard output. Lines are written as they come: what pino buffers
 * it writes at exit, again and again for ever where nobody reads the other end of the pipe any more.
 */
export function createLogger(level: string): Logger {
  return pino({ level, base: { pid: process.pid } }, pino.destination({ dest: 1, sync: true }));
}
