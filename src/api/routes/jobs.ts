import type { FastifyReply } from 'fastify';
import Type from 'typebox';
import { EspalierError } from '../../errors.js';
import { JOB_STATUSES, writtenJob } from '../../jobs/job.js';
import { readJobRequest } from '../job-request.js';
import { endOf, type OpenAnswers } from '../open-answers.js';
import { closed, Id, pageFields, pageOf, pageQuery, problems } from '../schemas/common.js';
import { Job, JobSummary, NewJob, NewJobForm } from '../schemas/jobs.js';
import type { Services } from '../services.js';
import { jobSummaryView, jobText } from '../views.js';
import { checkedByHand, JSON_TYPE, type TypedApp } from './route.js';

const tags = ['jobs'];
const Params = Type.Object({ id: Id({ description: 'Id of a job.' }) });
const LONGEST_WAIT_S = 60;

/** Says whether the connection that the answer goes to was closed. */
function clientLeft(reply: FastifyReply): () => boolean {
  let left = reply.raw.destroyed;
  reply.raw.once('close', () => {
    left = true;
  });
  return () => left;
}

export function jobRoutes(app: TypedApp, services: Services, open: OpenAnswers): void {
  const { store, jobs } = services;

  app.post(
    '/jobs',
    {
      ...checkedByHand,
      schema: {
        tags,
        operationId: 'createJob',
        summary: 'Start a pruning job',
        description:
          'As JSON, with the ids of stored uploads; or as multipart with the files in parts `model` and `dataset` and JSON in `config`. What the config asks for is checked against the model and the data before the answer.',
        headers: Type.Object({
          'idempotency-key': Type.Optional(
            Type.String({
              minLength: 1,
              maxLength: 255,
              description: 'The same key with the same request answers with the job that the first one made.',
            }),
          ),
        }),
        body: {
          content: {
            'application/json': { schema: NewJob },
            'multipart/form-data': { schema: NewJobForm },
          },
        },
        response: { 202: Job.ref, ...problems(400, 409, 413, 415, 422, 429, 503, 507) },
      },
    },
    async (request, reply) => {
      const key = request.headers['idempotency-key'];
      if (key !== undefined && (key === '' || key.length > 255)) {
        throw new EspalierError('BAD_REQUEST', 'Idempotency-Key must have 1 to 255 characters');
      }
      const left = clientLeft(reply);
      const parts = await readJobRequest(request, services, key);
      // Who is gone doesn't know the job's id and can't cancel it. With a key it comes again, and finds the job.
      if (key === undefined && left()) throw new EspalierError('BAD_REQUEST', 'the client left before the answer');
      const { job } =
        'repeated' in parts
          ? { job: parts.repeated }
          : await jobs.create({
              ...parts,
              ...(key !== undefined && { idempotencyKey: key }),
              requestId: request.id,
            });
      if (key === undefined && left()) {
        await jobs.cancel(job.id);
        throw new EspalierError('BAD_REQUEST', `the client left before the answer; ${job.id} is canceled`);
      }
      const end = () => endOf(request, reply);
      const text = await open.addText(jobText(writtenJob(job)), end, { refuses: false });
      return reply.code(202).header('location', `/jobs/${job.id}`).type(JSON_TYPE).send(text);
    },
  );

  app.get(
    '/jobs',
    {
      schema: {
        tags,
        operationId: 'listJobs',
        summary: 'List jobs',
        description: 'Newest first, without configs, results and texts of warnings: those stand in each job.',
        querystring: Type.Object(
          { ...pageFields('job'), status: Type.Optional(Type.Enum([...JOB_STATUSES], { description: 'Only these.' })) },
          closed,
        ),
        response: { 200: pageOf(JobSummary.ref), ...problems(422) },
      },
    },
    async ({ query }) => {
      const page = await store.listJobs(pageQuery(query));
      return { data: page.data.map(jobSummaryView), next_cursor: page.nextCursor };
    },
  );

  app.get(
    '/jobs/:id',
    {
      schema: {
        tags,
        operationId: 'getJob',
        summary: 'Get a job',
        description:
          'With `wait`, answers when the status changes or the time is up; at once when the job is finished.',
        params: Params,
        querystring: Type.Object(
          {
            wait: Type.Optional(
              Type.Number({ minimum: 0, maximum: LONGEST_WAIT_S, default: 0, description: 'Seconds.' }),
            ),
          },
          closed,
        ),
        response: { 200: Job.ref, ...problems(404, 422, 429, 503) },
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      const waitMs = (query.wait ?? 0) * 1000;
      const end = waitMs > 0 ? endOf(request, reply) : undefined;
      if (end) open.addWait(end);
      const job = await (end ? jobs.wait(params.id, waitMs, end) : jobs.get(params.id));
      return reply.type(JSON_TYPE).send(await open.addText(jobText(job), () => end ?? endOf(request, reply)));
    },
  );

  app.post(
    '/jobs/:id/cancel',
    {
      schema: {
        tags,
        operationId: 'cancelJob',
        summary: 'Cancel a job',
        description:
          'A running job stops at its next step and keeps its best result so far. Again, or on a finished job: nothing happens. With the queue away the cancel is kept, and told when it is back.',
        params: Params,
        response: { 202: Job.ref, ...problems(404, 503, 507) },
      },
    },
    async (request, reply) => {
      // Who is answered 503 may ask again: it changes nothing more.
      const text = await open.addText(jobText(await jobs.cancel(request.params.id)), () => endOf(request, reply));
      return reply.code(202).type(JSON_TYPE).send(text);
    },
  );

  app.post(
    '/jobs/:id/retry',
    {
      schema: {
        tags,
        operationId: 'retryJob',
        summary: 'Retry a failed or canceled job',
        description:
          'It is queued again, and goes on from its last checkpoint with a new deadline. A result that it had kept goes. A job that has not finished, or has succeeded: 409.',
        params: Params,
        response: { 202: Job.ref, ...problems(404, 409, 429, 503, 507) },
      },
    },
    async (request, reply) => {
      const end = () => endOf(request, reply);
      const text = await open.addText(jobText(await jobs.retry(request.params.id)), end, { refuses: false });
      return reply.code(202).type(JSON_TYPE).send(text);
    },
  );

  app.delete(
    '/jobs/:id',
    {
      schema: {
        tags,
        operationId: 'deleteJob',
        summary: 'Delete a finished job',
        description: 'Removes its artifacts too.',
        params: Params,
        response: { 204: Type.Null({ description: 'Gone.' }), ...problems(404, 409) },
      },
    },
    async ({ params }, reply) => {
      await jobs.remove(params.id);
      return reply.code(204).send();
    },
  );
}
