/**
 * Every coded error, once: code, HTTP status, title. The API, the workers and the CLI all take them from here;
 * docs/errors.md is generated from it.
 */
export const ERRORS = {
  // requests
  BAD_REQUEST: { status: 400, title: 'The request is malformed' },
  VALIDATION_FAILED: { status: 422, title: 'The request body or query is not valid' },
  UNAUTHORIZED: { status: 401, title: 'An API key is needed' },
  FOREIGN_REQUEST: { status: 403, title: 'Without an API key only this machine is served' },
  NOT_FOUND: { status: 404, title: 'No such resource' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'Method not allowed' },
  REQUEST_TIMEOUT: { status: 408, title: 'The request came too slowly' },
  PAYLOAD_TOO_LARGE: { status: 413, title: 'The upload is too large' },
  EXPECTATION_FAILED: { status: 417, title: 'An expectation that can not be met' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'Unsupported media type' },
  QUEUE_FULL: { status: 429, title: 'Too many jobs are queued' },
  TOO_MANY_WAITS: { status: 429, title: 'Too many waits and event streams are open' },
  INTERNAL: { status: 500, title: 'Internal error' },
  NO_WORKER: { status: 503, title: 'No worker is there to read uploads' },
  RECORD_DAMAGED: { status: 500, title: 'The record of it is damaged' },
  DISK_FULL: { status: 507, title: 'The disk is full' },
  UNAVAILABLE: { status: 503, title: 'The service can not do this right now' },
  // archives and model files
  ARCHIVE_INVALID: { status: 422, title: 'The archive can not be read' },
  ARCHIVE_UNSAFE_PATH: { status: 422, title: 'The archive holds a path that leaves it' },
  ARCHIVE_TOO_LARGE: { status: 422, title: 'The archive unpacks to too much' },
  FORMAT_UNKNOWN: { status: 422, title: 'No known model or data format' },
  MODEL_INVALID: { status: 422, title: 'The model file is not valid' },
  WEIGHTS_MISSING: { status: 422, title: 'A weight file is missing' },
  WEIGHTS_LENGTH: { status: 422, title: 'A weight file has the wrong length' },
  LAYER_UNSUPPORTED: { status: 422, title: 'The model has a layer that is not supported' },
  LAYER_INVALID: { status: 422, title: 'A layer of the model is not valid' },
  LAMBDA_LAYER: { status: 422, title: 'Lambda layers hold code, and code in models is never run' },
  SHAPE_OVERFLOW: { status: 422, title: 'A shape of the model is too large' },
  // data
  DATASET_INVALID: { status: 422, title: 'The data set can not be read' },
  DATASET_NOT_FINITE: { status: 422, title: 'The data set holds NaN or infinite values' },
  DATASET_SHAPE: { status: 422, title: 'The data do not fit the model' },
  INDEX_OUT_OF_RANGE: { status: 422, title: 'An index that the model looks up by is out of range' },
  LABELS_INVALID: { status: 422, title: 'The labels do not fit the model' },
  // configs
  CONFIG_INVALID: { status: 422, title: 'The config is not valid' },
  UNIT_UNKNOWN: { status: 422, title: 'No such channel unit' },
  OUTPUT_UNKNOWN: { status: 422, title: 'No such output' },
  CHOICE_INVALID: { status: 422, title: 'A choice that the unit can not take' },
  TARGET_UNREACHABLE: { status: 422, title: 'The target can not be reached' },
  NOTHING_TO_PRUNE: { status: 422, title: 'The model has no prunable channels' },
  NOT_TRAINABLE: { status: 422, title: 'The model can not be trained here' },
  // jobs
  JOB_NOT_FINISHED: { status: 409, title: 'The job has not finished' },
  JOB_NO_RESULT: { status: 409, title: 'The job has no result' },
  JOB_SUCCEEDED: { status: 409, title: 'The job has succeeded' },
  RESOURCE_IN_USE: { status: 409, title: 'The resource is in use by a job' },
  IDEMPOTENCY_CONFLICT: { status: 409, title: 'The idempotency key was used with another request' },
  CERTIFICATE_FAILED: { status: 500, title: 'The pruned model does not compute what the masked model computes' },
  ENGINE_FAILED: { status: 500, title: 'The engine could not compute the model' },
  TRAINING_DIVERGED: { status: 422, title: 'Training produced NaN' },
  PLUGIN_FAILED: { status: 500, title: "A part of the operator's own failed" },
  IMPORTANCE_INVALID: { status: 422, title: 'Channels can not be ranked by their weights' },
  WORKER_CRASHED: { status: 500, title: 'The worker died' },
  OUT_OF_MEMORY: { status: 500, title: 'The job used more memory than it may' },
  DEADLINE_EXCEEDED: { status: 500, title: 'The job ran longer than it may' },
  CANCELED: { status: 409, title: 'The job was canceled' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** One fault of bad input; `pointer` is a JSON pointer into what was sent (`/config/target/macs`). */
export interface FieldError {
  readonly pointer: string;
  readonly message: string;
}

/** A fault with a code from {@link ERRORS}; what a caller may read is `message` and `errors`. */
export class EspalierError extends Error {
  readonly code: ErrorCode;
  readonly errors: readonly FieldError[];
  readonly retryable: boolean;

  constructor(
    code: ErrorCode,
    detail: string,
    options: { errors?: readonly FieldError[]; retryable?: boolean; cause?: unknown } = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'EspalierError';
    this.code = code;
    this.errors = options.errors ?? [];
    this.retryable = options.retryable ?? false;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }
}

/** What the file system and SQLite say when there is no room left. */
const DISK_FULL = new Set(['ENOSPC', 'EDQUOT', 'SQLITE_FULL', 'DISK_FULL']);

export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && DISK_FULL.has(String((error as { code?: unknown }).code));
}

/** What the system says when it has no more open files, memory or processes to give: later it may have. */
const SHORTAGES = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);

export function isShortage(error: unknown): boolean {
  return error instanceof Error && SHORTAGES.has(String((error as { code?: unknown }).code));
}

/** What the system says of files, memory and connections, as against a fault of a program: it has a name like ENOENT. */
export function isSystemFault(error: unknown): boolean {
  return error instanceof Error && typeof (error as { syscall?: unknown }).syscall === 'string';
}

/**
 * Any error as one that a caller may read. What has no code of ours may name paths and other things of the inside: it
 * becomes `internal`, and its own message is for the log.
 */
export function toEspalierError(error: unknown, internal: string): EspalierError {
  if (error instanceof EspalierError) return error;
  if (isDiskFull(error)) {
    return new EspalierError('DISK_FULL', "the service's disk is full", { retryable: true, cause: error });
  }
  if (isShortage(error)) {
    const why = `this machine is short of open files or memory (${(error as { code?: unknown }).code}); try again`;
    return new EspalierError('UNAVAILABLE', why, { retryable: true, cause: error });
  }
  return new EspalierError('INTERNAL', internal, { cause: error });
}
