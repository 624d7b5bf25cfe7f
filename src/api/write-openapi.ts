/** `npm run openapi`: writes openapi.yaml, the types of the client, and those of a config with its defaults. */
import { writeFile } from 'node:fs/promises';
import { clientTypes, filledTypes } from './client-types.js';
import { openApiYaml } from './openapi.js';

await writeFile('openapi.yaml', await openApiYaml());
await writeFile('src/client/wire.ts', clientTypes());
await writeFile('src/prune-config/filled.ts', filledTypes());
