/** The worker process whose jobs only report; uploads are read as ever. */
import { readWorkerConfig } from '../../src/config.js';
import { runWorkerProcess } from '../../workers/worker-process.js';

await runWorkerProcess(readWorkerConfig(process.env), { job: new URL('./reporting-job.js', import.meta.url) });
