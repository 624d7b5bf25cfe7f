import type { FieldError } from '../errors.js';

/** An answer of the service that says no. */
export class ProblemError extends Error {
  readonly status: number;
  /** A code of docs/errors.md; `HTTP` when the answer was no problem+json (a proxy's, say). */
  readonly code: string;
  readonly errors: readonly FieldError[];
  readonly requestId: string | undefined;

  constructor(status: number, code: string, detail: string, errors: readonly FieldError[], requestId?: string) {
    super(`${code}: ${detail}`);
    this.name = 'ProblemError';
    this.status = status;
    this.code = code;
    this.errors = errors;
    this.requestId = requestId;
  }
}

/** @throws ProblemError for any answer that isn't 2xx. */
export async function orThrow(answer: Response): Promise<Response> {
  if (answer.ok) return answer;
  const text = await answer.text();
  if (!answer.headers.get('content-type')?.startsWith('application/problem+json')) {
    throw new ProblemError(answer.status, 'HTTP', `${answer.status} ${answer.statusText} ${text.slice(0, 200)}`, []);
  }
  const { code, detail, errors, request_id } = JSON.parse(text);
  throw new ProblemError(answer.status, code, detail, errors ?? [], request_id);
}
