import type { FastifyInstance } from 'fastify';
import { EspalierError } from '../../errors.js';

/** As a browser writes them in `Host`, without the port. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

/**
 * A service without a key listens on loopback only, but a browser on this machine brings it requests of any web page. So
 * it answers only under names of this machine (a page can point a name of its own at 127.0.0.1: DNS rebinding), and
 * only pages that it served itself. Programs send no `Origin`.
 */
export function useLocalOnly(app: FastifyInstance, apiKey: string | undefined): void {
  if (apiKey !== undefined) return;
  app.addHook('onRequest', ({ headers: { host, origin } }, _reply, done) => {
    if (host !== undefined && !LOOPBACK.test(host.replace(/:\d*$/, ''))) {
      const why = `found Host "${host}"; use localhost or 127.0.0.1, or start the service with API_KEY`;
      return done(new EspalierError('FOREIGN_REQUEST', why));
    }
    if (origin !== undefined && origin !== `http://${host}`) {
      return done(
        new EspalierError('FOREIGN_REQUEST', `a page of ${origin} may not use a service that has no API_KEY`),
      );
    }
    done();
  });
}
