import Fastify, { type FastifyBaseLogger, type FastifyError, type FastifyInstance, LogController } from 'fastify';
import { createId } from '../jobs/ids.js';
import { addApi } from './app.js';
import { answerMalformed, sendProblem } from './plugins/problems.js';
import type { Services } from './services.js';

/**
 * A connection on which nothing moves for this long is cut off: an upload that stalled holds a file and a socket. Longer
 * than the longest wait for an answer, two inspections.
 */
const IDLE_MS = 300_000;

/**
 * The HTTP server, not yet listening. Closing it ends open `wait` requests, lets the others end and takes no new ones.
 * @example const app = await createServer(services, logger); await app.listen({ port: 3000 });
 */
export async function createServer(services: Services, logger: FastifyBaseLogger): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    genReqId: () => createId('req'),
    // Node's own answer to a request without one has no body.
    http: { requireHostHeader: false },
    bodyLimit: services.limits.jsonBytes,
    routerOptions: { maxParamLength: 300 },
    // Requests on open connections are answered to the end; Fastify's own 503 would be no problem+json.
    return503OnClosing: false,
    // Bodies have a clock of their own (plugins/body-pace.ts).
    requestTimeout: 0,
    connectionTimeout: IDLE_MS,
    frameworkErrors: (error, request, reply) => void sendProblem(error as FastifyError, request, reply),
    clientErrorHandler: (error, socket) => answerMalformed(error, socket, createId('req')),
  });
  app.addHook('preClose', async () => services.jobs.endWaits());
  await addApi(app, services);
  return app;
}
