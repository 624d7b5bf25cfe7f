/** `npm run openapi`: writes openapi.yaml, and the types of the client. */
import { writeFile } from 'node:fs/promises';
import { clientTypes } from './client-types.js';
import { openApiYaml } from './openapi.js';

await writeFile('openapi.yaml', await openApiYaml());
await writeFile('src/client/wire.ts', clientTypes());
