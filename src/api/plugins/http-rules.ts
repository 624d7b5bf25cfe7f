import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { EspalierError } from '../../errors.js';
import { createId } from '../../jobs/ids.js';
import { sendRaw } from './problems.js';

/**
 * What HTTP asks of a request, where Node would answer without a body or take what we can't read: one `Host` (RFC 9112,
 * 3.2), no `Content-Encoding` but `identity`, no `Expect` but `100-continue`.
 */
export function useHttpRules(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const { headers, httpVersion, rawHeaders } = request.raw;
    if (headers.host === undefined && httpVersion === '1.1') {
      return done(new EspalierError('BAD_REQUEST', 'the request has no Host header'));
    }
    // Of two, Node shows the first; a proxy before us may have gone by the second.
    const hosts = rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host');
    if (hosts.length > 1) return done(new EspalierError('BAD_REQUEST', 'the request has more than one Host header'));
    const encoding = headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      const detail = `found Content-Encoding "${encoding}"; send bodies as they are`;
      return done(new EspalierError('UNSUPPORTED_MEDIA_TYPE', detail));
    }
    done();
  });
  app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const detail = `found Expect "${request.headers.expect}"; "100-continue" is all that can be met`;
    sendRaw(new EspalierError('EXPECTATION_FAILED', detail), createId('req'), response);
  });
}
