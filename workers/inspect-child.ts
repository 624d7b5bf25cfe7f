/** The process that reads one upload, so that the API never does. */
import { inspectDataset, inspectModel } from '../src/pipeline/index.js';
import { serveInspection } from './serve-inspection.js';

serveInspection({ model: inspectModel, dataset: inspectDataset });
