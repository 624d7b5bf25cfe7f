import { ERRORS, type ErrorCode, EspalierError } from '../errors.js';
import type { CodedError } from './payloads.js';

/** An error as JSON. What is no `EspalierError` becomes `INTERNAL`. */
export function toCodedError(error: unknown): CodedError {
  if (error instanceof EspalierError)
    return { code: error.code, message: error.message, errors: error.errors, retryable: error.retryable };
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'INTERNAL', message, errors: [], retryable: false };
}

/** The error again. A code that is not in the table (another version's) becomes `INTERNAL`. */
export function fromCodedError(coded: CodedError): EspalierError {
  const code: ErrorCode = coded.code in ERRORS ? (coded.code as ErrorCode) : 'INTERNAL';
  return new EspalierError(code, coded.message, { errors: coded.errors, retryable: coded.retryable });
}
