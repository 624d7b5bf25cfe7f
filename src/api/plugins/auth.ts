import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { EspalierError } from '../../errors.js';

const OPEN_ROUTES = new Set(['/healthz', '/readyz']);

/** Where there is a key, every request but health checks must bring it as `Authorization: Bearer KEY`. */
export function useAuth(app: FastifyInstance, apiKey: string | undefined): void {
  if (apiKey === undefined) return;
  const wanted = digest(apiKey);
  app.addHook('onRequest', async (request) => {
    if (OPEN_ROUTES.has(request.routeOptions.url ?? '')) return;
    const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    // Hashes have one length, so the comparison takes the same time whatever was sent.
    if (given === undefined || !timingSafeEqual(digest(given), wanted)) {
      throw new EspalierError('UNAUTHORIZED', given === undefined ? 'send Authorization: Bearer KEY' : 'unknown key');
    }
  });
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
