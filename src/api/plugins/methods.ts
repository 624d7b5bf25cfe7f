import type { FastifyInstance, HTTPMethods } from 'fastify';
import { EspalierError } from '../../errors.js';

const METHODS: readonly HTTPMethods[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Call before routes are added; what it returns, after: answers 405 with `Allow` for the other methods of each address. */
export function useMethodNotAllowed(app: FastifyInstance): () => void {
  const methods = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    // /docs belongs to its plugin, which registers addresses with and without a closing slash.
    if (url.startsWith('/docs')) return;
    const known = methods.get(url) ?? new Set();
    for (const m of [method].flat()) known.add(m);
    methods.set(url, known);
  });
  return () => {
    for (const [url, known] of [...methods]) {
      const others = METHODS.filter((m) => !known.has(m));
      const allow = [...known].sort().join(', ');
      app.route({
        method: others,
        url,
        schema: { hide: true },
        handler: (request, reply) => {
          reply.header('allow', allow);
          throw new EspalierError('METHOD_NOT_ALLOWED', `${url} does not take ${request.method}, it takes ${allow}`);
        },
      });
    }
  };
}
