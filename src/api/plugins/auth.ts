import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { EspalierError } from '../../errors.js';

/** Health checks bring no key; neither does a browser, and what the docs say is no secret. */
const OPEN_ROUTES = new Set(['/', '/healthz', '/readyz', '/openapi.json']);
const isOpen = (route: string): boolean => OPEN_ROUTES.has(route) || route === '/docs' || route.startsWith('/docs/');

/** Where there is a key, every request but health checks and docs must bring it as `Authorization: Bearer KEY`. */
export function useAuth(app: FastifyInstance, apiKey: string | undefined): void {
  if (apiKey === undefined) return;
  const wanted = digest(apiKey);
  app.addHook('onRequest', (request, _reply, done) => {
    if (isOpen(request.routeOptions.url ?? '')) return done();
    const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    // Hashes have one length, so the comparison takes the same time whatever was sent.
    if (given === undefined || !timingSafeEqual(digest(given), wanted)) {
      const why = given === undefined ? 'send Authorization: Bearer KEY' : 'unknown key';
      return done(new EspalierError('UNAUTHORIZED', why));
    }
    done();
  });
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
