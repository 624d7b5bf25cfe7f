/** Artifacts over HTTP: ETag, conditional requests, ranges (RFC 9110). */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { StoredArtifact } from '../jobs/job-store.js';
import type { ByteRange, JobFolders } from '../storage/job-folders.js';

export async function sendArtifact(
  request: FastifyRequest,
  reply: FastifyReply,
  jobId: string,
  artifact: StoredArtifact,
  folders: JobFolders,
): Promise<FastifyReply> {
  const { name, attempt, size_bytes: size, sha256 } = artifact;
  const etag = `"${sha256}"`;
  reply.headers({
    etag,
    'accept-ranges': 'bytes',
    'cache-control': 'private, max-age=31536000, immutable',
    'repr-digest': `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`,
    'x-content-type-options': 'nosniff',
  });
  if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send();
  reply.type(artifact.content_type).header('content-disposition', disposition(name));

  const ifRange = request.headers['if-range'];
  const asked = ifRange === undefined || ifRange === etag ? parseRange(request.headers.range, size) : undefined;
  if (asked === 'unsatisfiable') return reply.code(416).header('content-range', `bytes */${size}`).send();
  const stream = await folders.openArtifact(jobId, attempt, name, asked);
  if (asked) reply.code(206).header('content-range', `bytes ${asked.start}-${asked.end}/${size}`);
  return reply.header('content-length', asked ? asked.end - asked.start + 1 : size).send(stream);
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header === '*' || header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}

/**
 * One byte range of a `Range` header. Undefined for none, for other units, for several ranges and for what isn't one:
 * then the whole is sent, as the RFC allows.
 * @example parseRange('bytes=-5', 10) // { start: 5, end: 9 }
 */
export function parseRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const found = /^bytes=(\d*)-(\d*)$/.exec(header?.replaceAll(' ', '') ?? '');
  if (!found || (found[1] === '' && found[2] === '')) return undefined;
  if (found[1] === '') {
    const last = Math.min(Number(found[2]), size);
    return last === 0 ? 'unsatisfiable' : { start: size - last, end: size - 1 };
  }
  const start = Number(found[1]);
  const end = found[2] === '' ? size - 1 : Math.min(Number(found[2]), size - 1);
  if (start >= size) return 'unsatisfiable';
  return end < start ? undefined : { start, end };
}

function disposition(name: string): string {
  const plain = name.replace(/[^\w.-]/g, '_');
  return `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(name)}`;
}
