import type { FastifyRequest } from 'fastify';
import { EspalierError } from '../errors.js';
import type { Upload, UploadKind } from '../jobs/upload.js';
import { type PartSizes, readParts } from './multipart.js';
import type { Services } from './services.js';

/** Stores the `file` parts of a request as one upload. @throws EspalierError */
export async function receiveUpload<K extends UploadKind>(
  kind: K,
  request: FastifyRequest,
  { uploads, limits }: Services,
): Promise<{ upload: Upload<K>; created: boolean }> {
  const files = await uploads.start();
  try {
    await readParts(
      request,
      limits,
      { file: uploadSizes(limits)[kind] },
      {
        file: async (field, name, stream) => {
          if (field !== 'file') throw wrongPart(field);
          await files.add(name, stream);
        },
        value: (field) => {
          throw field === 'file'
            ? new EspalierError('BAD_REQUEST', 'part "file" has no file name: send it as a file (curl -F file=@NAME)')
            : wrongPart(field);
        },
      },
    );
    if (files.fileCount === 0) throw new EspalierError('BAD_REQUEST', 'there is no part "file"');
    return await uploads.finish(kind, files);
  } finally {
    await files.discard();
  }
}

/** Bytes that uploads of each kind may have. */
export function uploadSizes(limits: Services['limits']): PartSizes & Record<UploadKind, number> {
  return { model: limits.uploadBytes, dataset: limits.datasetUploadBytes };
}

function wrongPart(field: string): EspalierError {
  return new EspalierError('BAD_REQUEST', `part "${field}" is unknown: the files are parts named "file"`);
}
