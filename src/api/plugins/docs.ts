import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { VERSION } from '../../version.js';

/** Describes every route that is added after it: /openapi.json, and /docs to read and try. */
export async function useDocs(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Espalier',
        version: VERSION,
        description:
          'Pruning as a service: upload a trained convolutional network, get back a smaller one in the same file format, with a report and a proof that it computes the same.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      // Relative: the docs' own service, whatever it is called from outside.
      servers: [{ url: '/', description: 'This service.' }],
      tags: [
        { name: 'jobs', description: 'Pruning jobs and their results.' },
        { name: 'models', description: 'Stored models and their channel units.' },
        { name: 'datasets', description: 'Stored training data.' },
        { name: 'service', description: 'Health and abilities of the service.' },
      ],
      components: {
        securitySchemes: {
          key: { type: 'http', scheme: 'bearer', description: 'Needed where the service has a key.' },
        },
      },
      security: [{}, { key: [] }],
    },
    refResolver: {
      buildLocalReference: (json, _baseUri, _fragment, i) => String(json.$id ?? `def-${i}`),
    },
  });
  await app.register(swaggerUi, { routePrefix: '/docs' });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  app.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect('/docs'));
}
