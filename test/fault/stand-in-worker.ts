/** The worker process with the stand-in runner; the rest, signals and all, is the product's. */
import { readWorkerConfig } from '../../src/config.js';
import { runWorkerProcess } from '../../workers/worker-process.js';

await runWorkerProcess(readWorkerConfig(process.env), {
  job: new URL('../workers/stand-in-child.js', import.meta.url),
  inspect: new URL('../workers/stand-in-inspector.js', import.meta.url),
});
