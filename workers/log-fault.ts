import type { Logger } from 'pino';
import type { ChildEnding } from './run-child.js';

/**
 * Writes a child's error into the log where it is, or may be, a fault of ours, with its trace: who gets the error is told
 * no more than that the log has it. What is a fault of the upload, its owner is told in full.
 */
export function logFault(log: Logger, { error, trace }: Extract<ChildEnding<unknown>, { type: 'error' }>): void {
  if (trace === undefined) return;
  log.error({ code: error.code, stack: trace }, `failed: ${error.message}`);
}
