/** Multipart requests, part by part, straight to where they go: nothing is held in memory but small fields. */
import { pipeline, type Readable, Transform } from 'node:stream';
import type { Multipart } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { clip } from '../checks/index.js';
import { EspalierError } from '../errors.js';
import { findBodyFault } from './plugins/body-pace.js';
import { MOST_FILES } from './schemas/uploads.js';
import type { Services } from './services.js';

/** A part: `file` where it has a file name, else `value`. */
export interface PartHandlers {
  /** Must read the stream to its end, or throw. */
  file(field: string, name: string, stream: Readable): Promise<void>;
  value(field: string, value: string): void;
}

/** The files, and a few fields. */
const MOST_PARTS = MOST_FILES + 10;

/** Headers of parts and boundaries, beyond the files themselves. */
const FRAMING_BYTES = 2 ** 20;

/** Bytes that the files of each part may have together, by the part's name; other parts have the least of them. */
export type PartSizes = Readonly<Record<string, number>>;

/**
 * Reads a multipart request.
 * @throws EspalierError UNSUPPORTED_MEDIA_TYPE when it is none; PAYLOAD_TOO_LARGE when all files together are over the
 *   limit; BAD_REQUEST for an empty file or when the client breaks off; what the handlers throw.
 */
export async function readParts(
  request: FastifyRequest,
  limits: Pick<Services['limits'], 'jsonBytes'>,
  sizes: PartSizes,
  handlers: PartHandlers,
) {
  if (!request.isMultipart()) {
    throw new EspalierError('UNSUPPORTED_MEDIA_TYPE', 'send multipart/form-data with the files as parts');
  }
  const declared = Number(request.headers['content-length'] ?? 0);
  const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  if (declared > total + FRAMING_BYTES) throw tooLarge(total);

  const left = new Map<string, number>();
  const limitOf = (field: string): number => sizes[field] ?? Math.min(...Object.values(sizes));
  try {
    // Totals are counted here, so busboy's own limit for one file must not cut anything off before.
    const most = { fileSize: total + 1, fieldSize: limits.jsonBytes, parts: MOST_PARTS };
    for await (const part of partsOf(request, most)) {
      if (part.type === 'field') {
        if (part.valueTruncated) throw new EspalierError('PAYLOAD_TOO_LARGE', `part "${part.fieldname}" is too long`);
        handlers.value(part.fieldname, fieldText(part.fieldname, part.value));
        continue;
      }
      if (!part.filename) throw new EspalierError('BAD_REQUEST', `part "${part.fieldname}" is a file without a name`);
      const { fieldname } = part;
      let size = 0;
      const counted = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          size += chunk.length;
          const rest = (left.get(fieldname) ?? limitOf(fieldname)) - chunk.length;
          left.set(fieldname, rest);
          if (rest < 0) done(tooLarge(limitOf(fieldname)));
          else done(null, chunk);
        },
      });
      // `pipeline` also sees a part that broke off before anybody looked at it.
      pipeline(part.file, counted, () => {});
      await handlers.file(part.fieldname, part.filename, counted);
      if (size === 0) throw new EspalierError('BAD_REQUEST', `file "${part.filename}" is empty`);
    }
  } catch (caught) {
    const error = findBodyFault(request) ?? caught;
    if (error instanceof EspalierError) throw error;
    if ((error as { code?: string }).code === 'FST_INVALID_JSON_FIELD_ERROR') {
      throw new EspalierError('BAD_REQUEST', 'a part that says that it is application/json is not JSON');
    }
    if (error instanceof Error && BROKEN_OFF.test(`${(error as { code?: string }).code} ${error.message}`)) {
      throw new EspalierError('BAD_REQUEST', `the multipart body is not whole: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

/** The parts as they come. Whatever the parser can't make sense of is the client's fault. */
async function* partsOf(request: FastifyRequest, limits: object): AsyncGenerator<Multipart> {
  try {
    yield* request.parts({ limits });
  } catch (error) {
    if (error instanceof EspalierError) throw error;
    // The plugin's own faults are known by their code.
    if (/^FST_/.test(String((error as { code?: unknown }).code))) throw error;
    const why = clip((error as Error).message, 200);
    throw new EspalierError('BAD_REQUEST', `the multipart body can not be read: ${why}`, { cause: error });
  }
}

/** What the streams of files say when the body ends too early. */
const BROKEN_OFF = /ERR_STREAM_PREMATURE_CLOSE|ECONNRESET|premature|unexpected end|terminated early/i;

/** Fields that say that they are JSON are parsed by the plugin: back to text, so that there is one way on. */
function fieldText(field: string, value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw new EspalierError('BAD_REQUEST', `part "${field}" is nested too deeply`, { cause });
  }
}

function tooLarge(limit: number): EspalierError {
  return new EspalierError('PAYLOAD_TOO_LARGE', `the files of one upload may have ${limit} bytes together`);
}
