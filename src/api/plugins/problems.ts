/** Every error as application/problem+json (RFC 9457). */
import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import { clip, fieldErrors, LONGEST_DETAIL, type SchemaFault } from '../../checks/index.js';
import { ERRORS, type ErrorCode, EspalierError, type FieldError, toEspalierError } from '../../errors.js';
import { MOST_ERRORS } from '../schemas/common.js';
import { closeInTime } from './early-answers.js';

const MEDIA_TYPE = 'application/problem+json';

/** What Fastify and its plugins throw, in our codes; other 4xx are BAD_REQUEST. */
const FRAMEWORK_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_INVALID_MULTIPART_CONTENT_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_BODY_TOO_LARGE: 'PAYLOAD_TOO_LARGE',
  FST_REQ_FILE_TOO_LARGE: 'PAYLOAD_TOO_LARGE',
  FST_PARTS_LIMIT: 'PAYLOAD_TOO_LARGE',
  FST_FILES_LIMIT: 'PAYLOAD_TOO_LARGE',
  FST_FIELDS_LIMIT: 'PAYLOAD_TOO_LARGE',
};

/** When to come again. */
const RETRY_AFTER_S: Readonly<Partial<Record<ErrorCode, number>>> = {
  UNAVAILABLE: 5,
  DISK_FULL: 5,
  NO_WORKER: 10,
  QUEUE_FULL: 30,
  TOO_MANY_WAITS: 5,
};

export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly request_id: string;
  readonly errors?: readonly FieldError[];
}

export function problemBody(error: EspalierError, requestId: string): ProblemBody {
  return {
    type: `urn:espalier:error:${error.code}`,
    title: ERRORS[error.code].title,
    status: error.status,
    detail: clip(error.message, LONGEST_DETAIL),
    code: error.code,
    request_id: requestId,
    ...(error.errors.length > 0 && { errors: error.errors.slice(0, MOST_ERRORS).map(fitted) }),
  };
}

/** What a client sent may be long, and is named in what is wrong with it. */
function fitted({ pointer, message }: FieldError): FieldError {
  return { pointer: clip(pointer, LONGEST_DETAIL), message: clip(message, LONGEST_DETAIL) };
}

/** Registers the error handler and the handler of unknown addresses. */
export function useProblems(app: FastifyInstance): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => sendProblem(error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0];
    return sendProblem(new EspalierError('NOT_FOUND', `there is nothing at ${path}`), request, reply);
  });
}

/** Also for errors that Fastify meets before it has a route (`frameworkErrors`). */
export function sendProblem(error: FastifyError | EspalierError, request: FastifyRequest, reply: FastifyReply) {
  const known = inOurWords(error, request);
  if (known.status >= 500) request.log.error({ err: error }, 'request failed');
  if (known.code === 'UNAUTHORIZED') reply.header('www-authenticate', 'Bearer');
  const retryAfter = RETRY_AFTER_S[known.code];
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter));
  return reply
    .code(known.status)
    .type(MEDIA_TYPE)
    .send(JSON.stringify(problemBody(known, request.id)));
}

function inOurWords(error: FastifyError | EspalierError, request: FastifyRequest): EspalierError {
  if (error instanceof EspalierError) return error;
  if (error.validation) return validationError(error, request);
  const code = FRAMEWORK_CODES[error.code];
  if (code === 'UNSUPPORTED_MEDIA_TYPE') return new EspalierError(code, unsupported(request));
  if (code) return new EspalierError(code, error.message);
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) return new EspalierError('BAD_REQUEST', error.message);
  return toEspalierError(error, 'something went wrong here; the log has it under this request_id');
}

/** Names what came and what would do: `curl -d` sends a form where JSON is meant. */
function unsupported(request: FastifyRequest): string {
  const found = request.headers['content-type'] ?? 'no content type';
  const { body } = (request.routeOptions.schema ?? {}) as { body?: { content?: object } };
  const taken = Object.keys(body?.content ?? { 'application/json': {} });
  return `found ${found}; send ${taken.join(' or ')}`;
}

const PARTS = { querystring: 'query', params: 'path', headers: 'headers' } as const;

function validationError(error: FastifyError, request: FastifyRequest): EspalierError {
  const context = error.validationContext as keyof typeof PARTS;
  const schema = request.routeOptions.schema?.[context] as TSchema;
  const value = context === 'querystring' ? request.query : request[context];
  const errors = fieldErrors(schema, value, error.validation as unknown as SchemaFault[]).map((e) => ({
    pointer: `/${PARTS[context]}${e.pointer}`,
    message: e.message,
  }));
  return new EspalierError('VALIDATION_FAILED', errors.map((e) => `${e.pointer}: ${e.message}`).join('; '), { errors });
}

const MALFORMED: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  HPE_HEADER_OVERFLOW: ['BAD_REQUEST', 'the address and the headers are too long: 16 KiB together are taken'],
  ERR_HTTP_REQUEST_TIMEOUT: ['REQUEST_TIMEOUT', 'the headers did not come in time'],
};

/** Answers where Fastify has not been asked, and ends the connection. */
export function sendRaw(error: EspalierError, requestId: string, response: ServerResponse): void {
  const body = JSON.stringify(problemBody(error, requestId));
  response.writeHead(error.status, {
    'content-type': MEDIA_TYPE,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  });
  response.end(body);
}

/** Dropped of what isn't HTTP, after the answer to it. */
const MOST_MALFORMED_BYTES = 64 * 2 ** 20;

/** Answers what isn't HTTP. */
export function answerMalformed(error: Error & { code?: string }, socket: Socket, requestId: string): void {
  // It has its answer, and this is what came after.
  if (socket.writableEnded && !socket.destroyed && error.code !== 'ECONNRESET') return;
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return void socket.destroy();
  const other = ['BAD_REQUEST', `the request is not valid HTTP (${error.code})`] as const;
  const [code, detail] = MALFORMED[error.code ?? ''] ?? other;
  const problem = new EspalierError(code, detail);
  const body = JSON.stringify(problemBody(problem, requestId));
  closeInTime(socket, MOST_MALFORMED_BYTES);
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\ncontent-type: ${MEDIA_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
