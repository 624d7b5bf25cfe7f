import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';

/**
 * Closes connections whose requests end while the server closes. Node closes those that are idle when it begins to, and waits for
 * the others until their clients, or the keep-alive time of over a minute, end them.
 */
export function useClosing(app: FastifyInstance): void {
  let isClosing = false;
  app.addHook('preClose', async () => {
    isClosing = true;
  });
  const closeIdle = (): void => {
    // A connection is idle once Node is done with both sides.
    if (isClosing) setImmediate(() => app.server.closeIdleConnections());
  };
  app.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    request.once('end', closeIdle);
    response.once('close', closeIdle);
  });
}
