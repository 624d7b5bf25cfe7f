import type { FastifyInstance } from 'fastify';

const LEVELS_WITH_READS = new Set(['debug', 'trace']);

/** One line a request: reads that went well at debug (clients poll), everything else at info. Names the request in the answer. */
export function useRequestLog(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const quiet = request.method === 'GET' && reply.statusCode < 400;
    if (quiet && !LEVELS_WITH_READS.has(request.log.level)) return done();
    const { id: job_id } = request.url.startsWith('/jobs/') ? (request.params as { id?: string }) : {};
    request.log[quiet ? 'debug' : 'info'](
      {
        method: request.method,
        url: request.url,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        ...(job_id && { job_id }),
      },
      'request',
    );
    done();
  });
}
