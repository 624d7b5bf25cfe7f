/** The process of one job. */
import { runJob } from '../src/pipeline/index.js';
import { serveJob } from './serve-job.js';

serveJob(runJob);
