import { ERRORS, type ErrorCode, EspalierError, toEspalierError } from '../errors.js';
import type { CodedError } from './payloads.js';

/** An error of a worker or its children as JSON, for whoever asked: what has no code stays in the worker's log. */
export function toCodedError(error: unknown): CodedError {
  const { code, message, errors, retryable } = toEspalierError(error, "something went wrong; the worker's log has it");
  return { code, message, errors, retryable };
}

/** Whether the service is to blame, and not what it was sent: whoever runs it finds in the log where it came from. */
export function isOurFault({ code }: CodedError): boolean {
  return fromCodedError({ code, message: '', errors: [], retryable: false }).status >= 500;
}

/** The error again. A code that is not in the table (another version's) becomes `INTERNAL`. */
export function fromCodedError(coded: CodedError): EspalierError {
  const code: ErrorCode = coded.code in ERRORS ? (coded.code as ErrorCode) : 'INTERNAL';
  return new EspalierError(code, coded.message, { errors: coded.errors, retryable: coded.retryable });
}
