/** `npm run openapi`: writes openapi.yaml. */
import { writeFile } from 'node:fs/promises';
import { openApiYaml } from './openapi.js';

await writeFile('openapi.yaml', await openApiYaml());
