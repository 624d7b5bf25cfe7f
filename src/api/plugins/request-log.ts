import type { FastifyInstance } from 'fastify';

/** One line a request: reads that went well at debug (clients poll), everything else at info. Names the request in the answer. */
export function useRequestLog(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  app.addHook('onResponse', async (request, reply) => {
    const quiet = request.method === 'GET' && reply.statusCode < 400;
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
  });
}
