import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { EspalierError } from '../../errors.js';
import { isFinished, type JobState } from '../../jobs/job.js';
import type { StoredArtifact } from '../../jobs/job-store.js';
import { FileBytes, Id, problems } from '../schemas/common.js';
import { Artifact } from '../schemas/jobs.js';
import { Report } from '../schemas/report.js';
import { sendArtifact } from '../send-artifact.js';
import type { Services } from '../services.js';
import { artifactView } from '../views.js';
import type { TypedApp } from './route.js';

const tags = ['jobs'];
const Params = Type.Object({ id: Id({ description: 'Id of a job.' }) });

/** As the protocol of workers has it. */
const MOST_ARTIFACTS = 1000;

const ANY_FILE = { '*/*': { schema: FileBytes } };
const MODEL_FILE = { 'application/zip': { schema: FileBytes }, 'application/octet-stream': { schema: FileBytes } };

const bytes = (whole: object, description: string) => ({
  200: { description, content: whole },
  206: { description: 'The bytes that `Range` asked for.', content: ANY_FILE },
  304: { description: 'Not changed: `If-None-Match` names it.', type: 'null' },
  416: { description: 'The range begins after the end.', type: 'null' },
});

export function artifactRoutes(app: TypedApp, { store, folders }: Services): void {
  /** @throws EspalierError NOT_FOUND; JOB_NOT_FINISHED */
  const finished = async (id: string): Promise<JobState> => {
    const job = await store.findState(id);
    if (!job) throw new EspalierError('NOT_FOUND', `there is no job ${id}`);
    if (!isFinished(job)) throw new EspalierError('JOB_NOT_FINISHED', `${id} is ${job.status}`);
    return job;
  };
  const sendResult = async (
    request: FastifyRequest,
    reply: FastifyReply,
    id: string,
    what: string,
    pick: (artifact: StoredArtifact) => boolean,
  ) => {
    const job = await finished(id);
    const artifact = (await store.artifacts(id)).find(pick);
    if (artifact) return sendArtifact(request, reply, id, artifact, folders);
    const why = job.error ? `: ${job.error.code}: ${job.error.message}` : '';
    throw new EspalierError('JOB_NO_RESULT', `${id} ${job.status} and has no ${what}${why}`);
  };

  app.get(
    '/jobs/:id/model',
    {
      schema: {
        tags,
        operationId: 'downloadModel',
        summary: 'Download the pruned model',
        description: 'In the format that came in; formats of several files as `.zip`.',
        params: Params,
        response: { ...bytes(MODEL_FILE, 'The pruned model.'), ...problems(404, 409) },
      },
    },
    async (request, reply) =>
      sendResult(request, reply, request.params.id, 'pruned model', (a) => a.name.startsWith('model')),
  );

  app.get(
    '/jobs/:id/report',
    {
      schema: {
        tags,
        operationId: 'getReport',
        summary: 'Get the unit report',
        description: 'What was pruned, where and why, unit by unit and layer by layer.',
        params: Params,
        response: { ...bytes({ 'application/json': { schema: Report.ref } }, 'The report.'), ...problems(404, 409) },
      },
    },
    async (request, reply) => sendResult(request, reply, request.params.id, 'report', (a) => a.name === 'report.json'),
  );

  app.get(
    '/jobs/:id/artifacts',
    {
      schema: {
        tags,
        operationId: 'listArtifacts',
        summary: 'List the artifacts of a job',
        description: 'Everything that a finished job left, with sizes and hashes.',
        params: Params,
        response: {
          200: Type.Object({ data: Type.Array(Artifact.ref, { maxItems: MOST_ARTIFACTS }) }),
          ...problems(404, 409),
        },
      },
    },
    async ({ params }) => {
      await finished(params.id);
      return { data: (await store.artifacts(params.id)).map((a) => artifactView(params.id, a)) };
    },
  );

  app.get(
    '/jobs/:id/artifacts/:name',
    {
      schema: {
        tags,
        operationId: 'downloadArtifact',
        summary: 'Download an artifact',
        description: 'With `ETag`, `Repr-Digest` (SHA-256) and `Range`.',
        params: Type.Object({
          id: Id({ description: 'Id of a job.' }),
          name: Type.String({ maxLength: 255, description: 'Name of an artifact.' }),
        }),
        response: { ...bytes(ANY_FILE, 'The artifact.'), ...problems(404, 409) },
      },
    },
    async (request, reply) => {
      const { id, name } = request.params;
      await finished(id);
      const artifact = (await store.artifacts(id)).find((a) => a.name === name);
      if (!artifact) throw new EspalierError('NOT_FOUND', `${id} has no artifact "${name}"`);
      return sendArtifact(request, reply, id, artifact, folders);
    },
  );
}
