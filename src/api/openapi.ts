import { pino } from 'pino';
import { stringify } from 'yaml';
import { createServer } from './server.js';
import type { Services } from './services.js';

/** openapi.yaml as the routes and their schemas describe it. */
export async function openApiYaml(): Promise<string> {
  // Only described, never called: no handler runs, so none of the stores is needed.
  const services = { limits: { jsonBytes: 1, body: {} } } as Services;
  const app = await createServer(services, pino({ level: 'silent' }));
  await app.ready();
  const document = app.swagger();
  return `# Generated from the schemas in src/api (npm run openapi); a test holds them together.\n${stringify(document, { lineWidth: 100, aliasDuplicateObjects: false })}`;
}
